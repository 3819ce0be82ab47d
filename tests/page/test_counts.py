"""Figures are those of all rows, however many there are; where they are of a part, they say so in words."""

import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from streams.page import answer, render, view
from tests.collector.server import event
from tests.page.world import evening

CONTENTS, PEOPLE, PURCHASES = 1_200, 1_500, 501
NOW = datetime.now(UTC)


def touch(name, kind, minutes_ago, person, **data):
    at = (NOW - timedelta(minutes=minutes_ago)).isoformat()
    who = {"brand": data.pop("brand"), "handles": {"user": person}}
    return json.dumps(event(name, type=kind, time=at, data=who | data)).encode()


def loyal():
    """Two shares, and then so many purchases that each gives more evidence than a share has left."""
    yield touch("s1", "social.share", 50_000, "ann", brand="loyal", content="film")
    yield touch("s2", "social.share", 49_000, "ann", brand="loyal", content="film")
    for n in range(PURCHASES):
        yield touch(f"p{n}", "web.purchase", 600 - n, "ann", brand="loyal", amount=9.0, currency="EUR", product=f"sku-{n}")  # fmt: skip


def spread():
    yield touch("start", "social.share", 3_000, "bea", brand="spread", content="film")
    for n in range(PEOPLE):
        yield touch(f"v{n}", "web.page_view", 2_900 - n, f"friend-{n}", brand="spread", cause="start")


def catalogue():
    """Contents that three meet each; the reader of the first hundred engages."""
    for n in range(CONTENTS):
        for person in range(3):
            kind = "social.like" if person == 0 and n < 700 else "social.impression"
            yield touch(
                f"c{n}-{person}", kind, 90, f"reader-{n}-{person}", brand="catalogue", content=f"post-{n:04}"
            )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("counts")) as world:
        for lines in (loyal(), spread(), catalogue()):
            world.load(list(lines))
        yield world


def panel(world, name, path):
    body = world.ask(path).body.decode()
    found = re.search(rf'<section[^>]*id="panel-{name}".*?</section>', body, re.DOTALL)
    assert found, body[-2_000:]
    return html.unescape(found[0])


def test_a_journey_is_explained_by_all_of_its_evidence(world):
    ((customer, stage),) = [
        (row["customer"], row["stage"])
        for row in world.rows("SELECT customer, stage FROM standings WHERE brand = 'loyal'")
    ]
    assert str(stage) == "advocacy"
    address = f"/view/journey?brand=loyal&customer={customer:016x}"
    why = panel(world, "why", address)
    scores = {
        row["stage"]: row["score"]
        for row in world.rows(
            "SELECT stage, sum(weight * exp2(-dateDiff('second', time, now()) / half_life_s)) AS score"
            " FROM touch_evidence(model = (SELECT model FROM model_in_force)) WHERE brand = 'loyal' GROUP BY stage"
        )
    }
    said = dict(re.findall(r"(Advocacy|Affinity): ([\d.]+), needs", why))
    assert float(said["Advocacy"]) == pytest.approx(scores["advocacy"], rel=0.01)
    assert float(said["Affinity"]) == pytest.approx(scores["affinity"], rel=0.01)
    line = panel(world, "line", address)
    assert f"{PURCHASES + 2} touches" in line
    assert "now Advocacy" in line
    assert "Drawn are the latest 500 of 503 touches" in line
    assert line.count("<tr>") == 501
    assert "There are more than 500 rows" in line


def test_a_cascade_counts_everybody(world):
    growth = panel(world, "growth", "/view/word-of-mouth?brand=spread")
    assert f"{PEOPLE:,} customers in 1 generation" in growth
    assert f"{PEOPLE} reached, 0 of them buy" in growth
    brought = re.findall(rf"brings ({PEOPLE:,}) others", growth)
    assert brought
    assert "There are more than 500 rows" in growth


def test_contents_that_are_folded_are_all_of_the_others(world):
    works = panel(world, "works", "/view/content?brand=catalogue")
    others = CONTENTS - 11
    engaged, met = 700 - 11, 3 * others
    share = f"{100 * engaged / met:.1f} %"
    assert f"{others:,} others: {engaged:,} of {met:,} customers engaged, {share}" in works


def test_a_figure_of_a_part_says_so(world, monkeypatch):
    for module in (render, view):
        monkeypatch.setattr(module, "MOST_COUNTED", 1_000)
    said = "This counts 1,000 rows alone; there are more"
    assert said in panel(world, "works", "/view/content?brand=catalogue&days=9")
    assert said not in panel(world, "works", "/view/content?brand=loyal&days=9")
    rows = world.ask("/view/content/works.csv?brand=catalogue").body.decode().splitlines()
    assert len(rows) == CONTENTS + 1
    assert answer.MOST_LINES > CONTENTS
