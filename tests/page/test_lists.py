"""Lists are counted, sorted and shown page by page; customers are described by what they are known by, not by a hash alone."""

import csv
import html
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.collector.server import event
from tests.page.world import evening

PEOPLE = 230
NOW = datetime.now(UTC)


def people():
    for n in range(PEOPLE):
        who = {"cookie": f"c-{n}"} | ({"email": f"p{n}@example.com", "loyalty": f"L-{n}"} if n % 2 else {})
        data = {"brand": "many", "handles": who, "amount": 10 + n % 7, "currency": "EUR", "place": "rue-cler"}
        at = (NOW - timedelta(minutes=n + 1)).isoformat()
        yield json.dumps(event(f"m{n}", type="store.purchase", time=at, data=data)).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("lists")) as made:
        made.load(list(people()))
        yield made


def shown(world, asked):
    answer = world.ask(f"/view/customers?brand=many&{asked}")
    assert answer.status == 200, answer.body
    body = html.unescape(answer.body.decode())
    return re.findall(r'<th scope="row"><a href="[^"]*customer=([0-9a-f]{16})', body), body


def test_pages_have_everybody_once_and_say_how_many_there_are(world):
    found = []
    for page, said in ((1, "1 to 100 of 230"), (2, "101 to 200 of 230"), (3, "201 to 230 of 230")):
        ids, body = shown(world, f"stage=3&page=list.{page}")
        assert said in body
        assert ("Next: " in body, "Previous: " in body) == (page < 3, page > 1)
        found += ids
    assert len(set(found)) == len(found) == PEOPLE
    assert "None of 230" in shown(world, "stage=3&page=list.9")[1]


def test_a_heading_sorts_the_list_its_query_and_its_csv(world):
    for column, sign, money in (("revenue", "-", True), ("last_seen", "", False)):
        ids, body = shown(world, f"stage=3&sort=list.{sign}{column}")
        assert f'aria-sort="{"descending" if sign else "ascending"}"' in body
        csv_of = world.ask(f"/view/customers/list.csv?brand=many&stage=3&sort=list.{sign}{column}")
        rows = list(csv.DictReader(io.StringIO(csv_of.body.decode())))
        assert [row["customer"] for row in rows[:100]] == ids
        values = [float(row[column].split()[0]) if money else row[column] for row in rows]
        assert values == sorted(values, reverse=bool(sign))
    for wrong in ("list.nothing", "list.1", "list.stage;DROP"):
        answer = world.ask(f"/view/customers?brand=many&stage=3&sort={wrong}")
        assert answer.status == 400 or "there is no such column" in answer.body.decode()


def test_customers_are_described_by_what_they_are_known_by_and_where_they_were_last(world):
    ids, body = shown(world, "stage=3")
    names = dict(re.findall(r'customer=([0-9a-f]{16})" title="[^"]*">([^<]*)</a>', body))
    for who in ids[:10]:
        kinds = {
            row["kind"]
            for row in world.rows("SELECT kind FROM customers WHERE customer = {c:UInt64}", c=int(who, 16))
        }
        known = "E-mail, loyalty card, browser" if "email" in kinds else "Browser"
        assert names[who] == f"{known} #{who[:4]}"
    assert f"last at rue-cler on {NOW - timedelta(minutes=1):%-d %b %Y}" in body
    journey = html.unescape(world.ask(f"/view/journey?brand=many&customer={ids[0]}").body.decode())
    assert re.search(r"<strong>Affinity</strong>.*<strong>\d handles?</strong>", journey, re.DOTALL)


def test_in_a_browser_a_list_is_sorted_and_turned_by_keyboard(opened, world):
    page = opened("/view/customers?brand=many&stage=3", viewport={"width": 390, "height": 800})
    page.focus("thead a >> text=Touches")
    page.keyboard.press("Enter")
    page.wait_for_selector("th[aria-sort=descending] >> text=Touches")
    page.wait_for_selector("html[data-ready]", state="attached")
    page.focus("text=Next")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=101 to 200 of 230")
    assert page.get_attribute("th[aria-sort] a", "href")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
