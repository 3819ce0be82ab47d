"""A filter restricts channels and content to customers, and spikes to what people say: each figure is that of the public views."""

import html
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from streams.inputs.simulate import simulate
from tests.collector.server import event
from tests.page.world import evening

SINCE, UNTIL = datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
DAYS = {"brand": "lumiere", "since": "2026-09-20", "until": "2026-09-30"}
IN_DAYS = "brand = 'lumiere' AND {time} >= '2026-09-20 00:00:00' AND {time} < '2026-10-01 00:00:00'"
NOW = datetime.now(UTC).replace(microsecond=0)


def said(n, minutes, **data):
    """An act of praise by a customer of a brand of its own, some minutes ago."""
    at = (NOW - timedelta(minutes=minutes)).isoformat()
    data = {"brand": "sayers", "handles": {"cookie": f"c-{n}"}, "content": "film"} | data
    return event(f"s-{n}-{minutes}", type="social.share", time=at, data=data)


SAID = [
    *(said(n, 100 + n, campaign="spring", device="phone") for n in range(5)),
    *(said(n, 200 + n, campaign="autumn", device="phone", content="song") for n in (4, 5, 6)),
    said(7, 300, campaign="spring", device="desktop"),
    said(7, 301, campaign="spring", device="desktop"),  # within the hour: the same person, heard once
    said(7, 900, campaign="spring", device="desktop", content="song"),
    said(8, 400, place="rue-cler"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("filters")) as made:
        month = simulate(customers=150, days=40, seed=3, start=datetime(2026, 9, 1, tzinfo=UTC))
        made.load([json.dumps(each).encode() for each in (*month, *SAID)])
        yield made


def lines(world, view, panel, **asked):
    return world.lines(f"/view/{view}/{panel}.csv?{urlencode(asked)}")


def busiest(world, kind):
    """Return the name of a kind that the second most touches have: neither all of them, nor hardly any."""
    rows = world.rows(
        f"SELECT toString({kind}) AS name FROM touchpoints WHERE {IN_DAYS.format(time='time')} AND {kind} != ''"
        " GROUP BY name ORDER BY count() DESC, name LIMIT 2"
    )
    return rows[-1]["name"]


def theirs(world, asked):
    """Return the customers with one touch in the period that has all that is asked for."""
    rows = world.rows(
        f"SELECT customer, toString(channel) AS channel, place, product, content, campaign, device FROM touchpoints WHERE {IN_DAYS.format(time='time')}"
    )
    return {
        row["customer"]
        for row in rows
        if all(row[name.removeprefix("met_")] == value for name, value in asked.items())
    }


KINDS = [
    ("channel",),
    ("place",),
    ("product",),
    ("content",),
    ("campaign",),
    ("device",),
    ("channel", "place"),
]


def filtered(world, kinds):
    asked = {f"met_{kind}": busiest(world, kind) for kind in kinds}
    if kinds == ("channel", "place"):
        asked["met_channel"] = "store"
    found = theirs(world, asked)
    everybody = theirs(world, {})
    assert 0 < len(found) < len(everybody), asked
    return asked, found


@pytest.mark.parametrize("kinds", KINDS, ids=" ".join)
def test_channels_are_those_of_the_customers_who_are_asked_for(world, kinds):
    asked, found = filtered(world, kinds)
    steps = world.rows(
        f"SELECT customer, toString(from_channel) AS before, toString(to_channel) AS after FROM channel_steps WHERE {IN_DAYS.format(time='time')}"
    )
    counted, whose = Counter(), defaultdict(set)
    for step in steps:
        if step["customer"] in found:
            counted[step["before"], step["after"]] += 1
            whose[step["before"], step["after"]].add(step["customer"])
    told = lines(world, "channels", "next", **DAYS, **asked)
    assert {(row["before"], row["after"]): int(row["steps"]) for row in told} == counted
    assert {(row["before"], row["after"]): int(row["customers"]) for row in told} == {
        key: len(of) for key, of in whose.items()
    }
    assert sum(float(row["of_all"]) for row in told) == pytest.approx(1)
    before, after = max(counted, key=counted.__getitem__)
    listed = lines(world, "channels", "followed", before=before, after=after, **DAYS, **asked)
    assert {int(row["customer"], 16) for row in listed} == whose[before, after]
    bought = world.rows(
        f"SELECT toString(way) AS way, place, customer FROM looked_then_bought(window_days = 14) WHERE {IN_DAYS.format(time='bought_at')}"
    )
    counted = Counter((row["way"], row["place"]) for row in bought if row["customer"] in found)
    told = lines(world, "channels", "places", **DAYS, **asked)
    ways = {
        (way, row["place"]): int(row[way])
        for row in told
        for way in ("showrooming", "webrooming")
        if row[way] != "0"
    }
    assert ways == counted
    for (way, place), n in counted.items():
        listed = lines(world, "channels", "bought", way=way, place=place, **DAYS, **asked)
        assert sum(int(row["purchases"]) for row in listed) == n


@pytest.mark.parametrize("kinds", KINDS, ids=" ".join)
def test_content_is_that_which_the_customers_who_are_asked_for_met(world, kinds):
    asked, found = filtered(world, kinds)
    touches = world.rows(
        f"SELECT content, customer, engaged FROM content_touches WHERE {IN_DAYS.format(time='time')}"
    )
    met, engaged, counted = defaultdict(set), defaultdict(set), Counter()
    for touch in touches:
        if touch["customer"] in found:
            counted[touch["content"]] += 1
            met[touch["content"]].add(touch["customer"])
            engaged[touch["content"]] |= {touch["customer"]} if touch["engaged"] else set()
    told = {row["content"]: row for row in lines(world, "content", "works", **DAYS, **asked)}
    assert {name: int(row["touches"]) for name, row in told.items()} == counted
    assert {name: int(row["customers"]) for name, row in told.items()} == {
        name: len(of) for name, of in met.items()
    }
    assert {name: int(row["engaged"]) for name, row in told.items()} == {
        name: len(engaged[name]) for name in met
    }
    anywhere = len(set().union(*engaged.values()))
    for name, row in told.items():
        assert float(row["of_all"] or 0) == pytest.approx(len(engaged[name]) / anywhere if anywhere else 0)
    for name in list(met)[:2]:
        listed = lines(world, "content", "touched", **(DAYS | asked | {"content": name}))
        assert {int(row["customer"], 16) for row in listed} == met[name]


@pytest.mark.parametrize(
    "kinds", [("channel",), ("product",), ("content",), ("channel", "content")], ids=" ".join
)
def test_spikes_are_of_the_people_who_say_what_is_asked_for(world, kinds):
    rows = world.rows(
        "SELECT direction, customer, toInt64(floor(toUnixTimestamp64Micro(time) / 60000000)) AS minute, toString(channel) AS channel,"
        " toString(place) AS place, product, content FROM advocacy_touches(model = (SELECT model FROM model_in_force),"
        " since = toDateTime64('2026-09-12 00:00:00', 6, 'UTC'), until = toDateTime64('2026-10-01 00:00:00', 6, 'UTC')) WHERE brand = 'lumiere'"
    )
    whole = {"met_" + kind: Counter(row[kind] for row in rows if row[kind]).most_common(1) for kind in kinds}
    asked = {name: found[0][0] for name, found in whole.items() if found}
    assert asked
    expected, last = Counter(), {}
    for row in sorted(rows, key=lambda row: row["minute"]):
        if any(row[name.removeprefix("met_")] != value for name, value in asked.items()):
            continue
        key = (row["direction"], row["customer"])
        if row["minute"] == last.get(key):
            continue
        if row["minute"] - last.get(key, -100) > 60 and row["minute"] * 60 >= SINCE.timestamp():
            expected[row["direction"]] += 1
        last[key] = row["minute"]
    told = Counter()
    for row in lines(world, "spikes", "series", **DAYS, **asked):
        told[row["direction"]] += int(row["people"])
    everybody = Counter()
    for row in lines(world, "spikes", "series", **DAYS):
        everybody[row["direction"]] += int(row["people"])
    assert +told == expected
    assert told.total() <= everybody.total()


@pytest.mark.parametrize(
    ("asked", "people"),
    [
        ({}, 11), ({"met_campaign": "spring"}, 7), ({"met_campaign": "autumn"}, 3), ({"met_device": "phone"}, 8),
        ({"met_device": "desktop"}, 2), ({"met_campaign": "spring", "met_content": "song"}, 1), ({"met_place": "rue-cler"}, 1),
        ({"met_campaign": "autumn", "met_device": "desktop"}, 0), ({"met_channel": "social"}, 11), ({"met_channel": "store"}, 0),
        ({"met_campaign": "' OR 1 = 1 --"}, 0),
    ],
)  # fmt: skip
def test_people_who_speak_are_counted_once_an_hour_among_the_acts_that_are_asked_for(world, asked, people):
    span = {"brand": "sayers", "since": f"{NOW - timedelta(days=2):%Y-%m-%d}"}
    told = lines(world, "spikes", "series", **span, **asked)
    assert sum(int(row["people"]) for row in told) == people
    answer = world.ask(f"/view/spikes/series.sql?{urlencode(span | asked)}")
    assert answer.status == 200


def test_a_filter_is_said_in_words_and_kept_in_every_link_of_the_view(world):
    for view, words in (
        ("channels", "Only customers with a touch in the period of place paris-opera and device phone."),
        ("content", "Only customers with a touch in the period of place paris-opera and device phone."),
        ("spikes", "Only praise and attacks of place paris-opera and device phone."),
    ):
        asked = DAYS | {"met_place": "paris-opera", "met_device": "phone"}
        body = html.unescape(world.ask(f"/view/{view}?{urlencode(asked)}").body.decode())
        assert words in body
        assert "days=" in body or view != "content"
        links = re.findall(
            r'href="(/view/(?:channels|content|spikes|flow|lapses)(?:/[\w-]+\.\w+)?\?[^"]*)"', body
        )
        without = [
            link for link in links if "met_place=paris-opera" not in link or "met_device=phone" not in link
        ]
        shown = re.search(r'<a href="([^"]*)">Show (?:all|everybody)</a>', body)[1]
        assert without == [shown], "one link takes the filter off"
        assert "met_" not in shown
        for end in ("csv", "sql"):
            assert any(f".{end}?" in link for link in links)
    body = html.unescape(world.ask(f"/view/content?{urlencode(asked)}").body.decode())
    assert "Zombies, among everybody" in body, "what no filter restricts says so"
    assert "Alerts, of the whole brand" in html.unescape(
        world.ask(f"/view/spikes?{urlencode(asked)}").body.decode()
    )
    assert world.ask("/view/support?met_place=x").status == 400


def test_in_a_browser_a_filter_is_chosen_and_figures_follow_only_what_it_asks_for(opened, world):
    page = opened("/view/content?brand=sayers", viewport={"width": 390, "height": 800})
    page.click(".filter summary")
    page.fill("#field-met_campaign", "spring")
    page.press("#field-met_campaign", "Enter")
    page.wait_for_selector(".filtered >> text=of campaign spring.")
    page.wait_for_selector("html[data-live]", state="attached")

    def figures():
        return {
            each.query_selector("th").inner_text(): each.query_selector_all("td")[0].inner_text()
            for each in page.query_selector_all("#panel-works tbody tr")
        }

    page.click("#panel-works summary >> text=Table")
    assert figures() == {"film": "6", "song": "2"}, "with what else these six customers met"
    world.load([json.dumps(said(20, 3, campaign="autumn")).encode()])
    world.load([json.dumps(said(21, 2, campaign="spring")).encode()])
    page.wait_for_selector("#panel-works tbody tr:has-text('film') td:nth-of-type(1) >> text=/^7$/")
    assert figures() == {"film": "7", "song": "2"}
    assert "met_campaign=spring" in page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
