"""Every brand and content that the contract takes is shown: by the page's own links, its form, its SQL and its CSV."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.event import MAX_NAME
from streams.analysis.brands import Brand
from streams.page.scope import ScopeError, read
from streams.page.views import VIEWS
from tests.collector.server import event
from tests.page.test_scope import FIRST, at
from tests.page.world import evening

NAMES = {
    "no-break space": "Maison\u00a0Luce",
    "joined emoji": "fam\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "longest": "\U0001f468\u200d" * 32,
    "identity": "identity",
    "default": "default",
    "all": "*",
    "none": "none",
    "underscore": "_",
    "blank": " ",
    "blanks around": "  Luce  ",
    "quotes": 'O\'Hara "&" <Söhne> \\',
    "like a parameter": "{brand:String}",
    "like a query": "a&b=c#d?e%20/../;f",
    "a comment": "--'/*",
    "controls": "tab\tand\nline\r\nend",
    "NUL": "a\0b",
    "to the left": "\u202eecul",
    "escape": "\x1b[31m",
    "a number": "0",
    "line separator": "a\u2028b",
}
CRAWLED = [
    NAMES[name] for name in ("no-break space", "joined emoji", "longest", "identity", "quotes", "controls")
]
CRAWLED_AT_ONCE = "L\u00a0'\"&<\\\t\r\n" + "\U0001f468\u200d" * 27
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("names")) as world:
        yield world


def touches(brand, content):
    """Return a share and a visit that it brought, by two people, as events of a brand."""
    earlier = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    first = event(
        f"s-{content[:9]}-{brand}",
        type="social.share",
        time=earlier,
        data={"brand": brand, "content": content},
    )
    second = event(
        f"v-{content[:9]}-{brand}", type="web.purchase", time=earlier, data={"brand": brand, "content": content, "amount": 3.0, "currency": "EUR", "cause": f"s-{content[:9]}-{brand}"[:MAX_NAME]}
    )  # fmt: skip
    return [json.dumps(each).encode() for each in (first, second)]


def links(body):
    """Return the addresses on a page."""
    found = re.findall(r'href="(/view/[^"]*)"', body)
    return {html.unescape(each) for each in found}


def shown(body):
    return html.unescape(body.decode())


# One with all that the others have, as long as any; these one by one in `make soak`.
@pytest.mark.parametrize(
    "brand",
    [
        pytest.param(CRAWLED_AT_ONCE, id="all at once"),
        *(pytest.param(name, marks=pytest.mark.soak) for name in CRAWLED),
    ],
)
def test_every_link_of_a_brand_is_answered(world, brand):
    content = (brand * MAX_NAME)[:MAX_NAME]
    world.load(touches(brand, content))
    found = set()
    for view in VIEWS:
        answer = world.ask(f"/view/{view.name}?{urlencode({'brand': brand})}")
        assert answer.status == 200, (view.name, answer)
        assert brand.replace("\0", "") in shown(answer.body).replace("\0", ""), view.name
        assert b'class="failed"' not in answer.body, (view.name, answer.body)
        found |= links(answer.body.decode())
    assert any("content=" in link for link in found)
    assert {urlsplit(link).path for link in found} >= {f"/view/{view.name}" for view in VIEWS if view.listed}
    for link in {urlsplit(link).path: link for link in sorted(found)}.values():
        answer = world.ask(link)
        assert answer.status == 200, (link, answer)
        assert b'class="failed"' not in answer.body, (link, answer.body)
    (touched,) = [
        link
        for link in found
        if link.startswith("/view/content?") and "content=" in link and "sql" not in link
    ][:1]
    body = shown(world.ask(touched).body)
    assert "2" in re.findall(r"Customers who met.*", body, re.DOTALL)[0]
    lines = world.ask(f"/view/content/works.csv?{urlencode({'brand': brand})}")
    assert lines.headers["content-disposition"].isascii()
    assert ",2,2," in lines.body.decode(), lines.body


@pytest.mark.parametrize("brand", NAMES.values(), ids=NAMES)
def test_the_query_that_is_shown_finds_the_brand(world, brand):
    world.load(touches(brand, "c"))
    body = world.ask(f"/view/content/works.sql?{urlencode({'brand': brand})}").body.decode()
    sql = html.unescape(re.search(r"<code>(.*?)</code>", body, re.DOTALL)[1])
    assert "\0" not in sql
    assert [row["customers"] for row in world.rows(sql) if row["content"] == "c"] == [2]


@given(WORDS, st.text(st.characters(exclude_categories=["Cs"]), max_size=MAX_NAME))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_what_the_contract_takes_can_be_asked_for(brand, content):
    known = [Brand("lumiere", FIRST, at(17)), Brand(brand, FIRST, at(17))]
    fields = next(view.fields for view in VIEWS if view.name == "content")
    scope = read({"brand": brand, "content": content}, known, fields, at(18))
    assert (scope.brand, scope.own["content"]) == (brand, content)


@given(WORDS)
def test_a_form_finds_the_brand_though_browsers_change_line_ends(name):
    sent = re.sub("\r\n|\r|\n", "\r\n", name).replace("\0", "\ufffd")
    assert read({"brand": sent}, [Brand(name, FIRST, at(17))], (), at(18)).brand == name


def test_a_name_that_no_event_can_have_is_refused():
    with pytest.raises(ScopeError, match="at most 256"):
        read({"brand": "x" * 257}, [Brand("x", FIRST, at(17))], (), at(18))
