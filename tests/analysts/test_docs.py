"""journey docs: the page has every table, view and column of the store, and nothing that runs or reaches out."""

import re
from html.parser import HTMLParser

import pytest

from streams.analysis.catalogue import Column, Relation, catalogue
from streams.analysis.catalogue_page import page
from tests.on_server.conftest import KEY, Command

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&"


class Reading(HTMLParser):
    """Tags, identifiers, targets of links, and text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.said, self.open = set(), set(), set(), [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open += [tag] if tag not in {"meta", "br"} else []
        given = dict(attrs)
        self.ids |= {given["id"]} if "id" in given else set()
        self.links |= {given["href"]} if "href" in given else set()
        assert not {name for name in given if name.startswith("on") or name == "src"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said.append(data)


@pytest.fixture(scope="module")
def relations(store):
    return {one.name: one for one in catalogue(store)}


def test_every_table_and_column_explains_itself(store, relations):
    read = Reading(page(list(relations.values()), title="Tables"))
    names = {name for (name,) in store.query("SHOW TABLES", {})}
    assert set(relations) == names == read.ids
    said = "\n".join(read.said)
    for one in relations.values():
        assert one.comment, one.name
        assert one.comment in said
        assert one.columns or one.parameters, one.name
        for column in one.columns:
            assert column.comment, f"{one.name}.{column.name}"


def test_lineage_leads_from_views_to_what_they_read(relations):
    assert relations["customers"].made_from == ["identity_map"]
    assert relations["touchpoints"].made_from == ["customers", "interactions_kept", "model_in_force"]
    assert {"customers", "model_in_force"} <= set(relations["journeys"].made_from) | set(
        relations["standings"].made_from
    )
    assert relations["interactions_kept"].made_from == ["expiries", "interactions"]
    assert "touchpoints" in relations["interactions_kept"].used_by
    assert relations["interactions"].made_from == []
    assert dict(relations["standing_under"].parameters) == {"model": "String", "at": "DateTime64(6, 'UTC')"}
    for one in relations.values():
        assert one.kind != "view" or one.made_from, f"{one.name} comes from nothing"
        assert set(one.made_from) <= set(relations) - {one.name}


def test_the_page_needs_nothing_else_and_its_links_lead_somewhere(relations):
    text = page(list(relations.values()), title="Tables")
    read = Reading(text)
    assert not read.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not re.search(r"https?://|@import|url\(", text.replace(relations["touchpoints"].sql, ""))
    assert {link.removeprefix("#") for link in read.links} <= read.ids


def test_what_the_store_says_is_text():
    evil = Relation(
        PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, [Column(PAYLOAD, PAYLOAD, PAYLOAD)],
        [(PAYLOAD, PAYLOAD)], [PAYLOAD], [PAYLOAD],
    )  # fmt: skip
    read = Reading(page([evil], title=PAYLOAD))
    assert not read.tags & {"script", "img"}
    assert "".join(read.said).count(PAYLOAD) > 10


def test_the_command_writes_it(loaded, tmp_path):
    journey = Command({"JOURNEY_STORE": f"chdb://{loaded}", "JOURNEY_HANDLE_KEY": KEY})
    assert "tables and views in" in journey("docs", "--out", str(tmp_path / "t.html"))
    assert Reading((tmp_path / "t.html").read_text()).ids >= {"journeys", "interactions"}
