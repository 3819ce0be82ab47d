"""Periods, restrictions and two of a kind are compared: each figure is SQL's, and leads to exactly those whom it counts."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from streams.inputs.simulate import simulate
from tests.page.world import evening

SINCE, UNTIL = datetime(2026, 9, 20, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
BEFORE = SINCE - (UNTIL - SINCE)
DAYS = {"brand": "lumiere", "since": "2026-09-20", "until": "2026-09-30"}
SPAN = {"since": SINCE, "until": UNTIL}
TOUCHES = "FROM touchpoints WHERE brand = 'lumiere' AND time >= {since:DateTime64(6)} AND time < {until:DateTime64(6)}"
STAGES = ["none", "attention", "attraction", "affinity", "audience", "advocacy"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("compare"), zones={"trattoria-sole": "Asia/Tokyo"}) as made:
        month = simulate(customers=150, days=40, seed=3, start=datetime(2026, 9, 1, tzinfo=UTC))
        made.load([json.dumps(event).encode() for event in month])
        yield made


def lines(world, view, panel, **asked):
    return world.lines(f"/view/{view}/{panel}.csv?{urlencode(DAYS | asked)}")


def stages_at(world, at):
    found = world.rows(
        "SELECT customer, stage FROM journeys_at(at = {at:DateTime64(6)}) WHERE brand = 'lumiere'", at=at
    )
    return {row["customer"]: STAGES.index(row["stage"]) for row in found}


def test_the_change_of_a_stage_is_the_difference_of_two_instants(world):
    first, last = stages_at(world, SINCE), stages_at(world, UNTIL)
    for row, position in zip(lines(world, "flow", "population"), range(5, -1, -1), strict=True):
        now, before = (list(found.values()).count(position) for found in (last, first))
        assert [int(row[name]) for name in ("customers", "before", "change")] == [now, before, now - before]


def test_the_figures_of_the_period_are_compared_with_the_period_before(world):
    told = {(row["what"], row["currency"]): row for row in lines(world, "flow", "period")}
    for name, span in (("now", SPAN), ("before", {"since": BEFORE, "until": SINCE})):
        (found,) = world.rows(
            "SELECT uniqExact(customer) AS met, count() AS touches, countIf(revenue > 0) AS bought,"
            f" sumIf(revenue, currency = 'EUR') AS earned {TOUCHES}", **span
        )  # fmt: skip
        assert float(told["customers met", ""][name]) == found["met"]
        assert float(told["touches", ""][name]) == found["touches"]
        assert float(told["purchases", ""][name]) == found["bought"]
        assert float(told["revenue", "EUR"][name]) == pytest.approx(float(found["earned"]))
    (new,) = world.rows(
        "SELECT count() AS n FROM standings WHERE brand = 'lumiere' AND first_seen >= {since:DateTime64(6)} AND first_seen < {until:DateTime64(6)}",
        **SPAN,
    )
    assert float(told["new customers", ""]["now"]) == new["n"] > 0


def test_who_moved_is_who_has_another_stage_and_each_cause_leads_to_its_customers(world):
    first, last = stages_at(world, SINCE), stages_at(world, UNTIL)
    ways = {"up": set(), "down": set()}
    for customer, stage in last.items():
        if (before := first.get(customer, 0)) != stage:
            ways["up" if stage > before else "down"].add(customer)
    told = lines(world, "flow", "moved")
    assert {row["way"] for row in told} == {"up", "down"}
    found = {"up": set(), "down": set()}
    for row in told:
        assert float(row["share"]) == pytest.approx(int(row["customers"]) / len(ways[row["way"]]))
        if row["kind"] not in {"type", "time"}:
            continue
        listed = lines(world, "customers", "list", moved=row["way"], by=row["kind"], what=row["what"])
        assert len(listed) == int(row["customers"]), row
        found[row["way"]] |= {int(each["customer"], 16) for each in listed}
    assert found == ways, "each who moved has a type that moved them, or is one whose evidence faded"


def test_a_filter_restricts_each_panel_to_customers_with_such_a_touch(world):
    (place,) = world.rows(
        f"SELECT place, count() AS n {TOUCHES} AND place != '' GROUP BY place ORDER BY n DESC LIMIT 1", **SPAN
    )
    asked = {"met_place": place["place"], "met_channel": "store"}
    found = world.rows(
        f"SELECT DISTINCT customer {TOUCHES} AND place = {{p:String}} AND channel = 'store'", p=place["place"], **SPAN
    )  # fmt: skip
    theirs = {f"{row['customer']:016x}" for row in found}
    assert {row["customer"] for row in lines(world, "customers", "list", **asked)} == theirs
    assert sum(int(row["customers"]) for row in lines(world, "flow", "population", **asked)) == len(theirs)
    period = {row["what"]: row for row in lines(world, "flow", "period", **asked)}
    assert float(period["customers met"]["now"]) == len(theirs)
    last = [row for row in lines(world, "flow", "moves", **asked) if row["until"].startswith("2026-10-01")]
    assert sum(int(row["customers"]) for row in last) == len(theirs)
    falls = lines(world, "lapses", "soon", days="366", **asked)
    assert {row["customer"] for row in falls} <= theirs
    assert lines(world, "customers", "list", met_place="' OR 1") == []
    assert world.ask("/view/health?met_place=x").status == 400, "a view that is not restricted says so"


@pytest.mark.parametrize("kind", ["place", "channel", "brand"])
def test_two_of_a_kind_have_the_figures_of_sql(world, kind):
    told = {row["what"]: row for row in lines(world, "compare", "sides", kind=kind)}
    names = [told["Customers"]["first_name"], told["Customers"]["second_name"]]
    where = TOUCHES.replace("brand = 'lumiere'", "true") if kind == "brand" else TOUCHES
    found = world.rows(
        f"SELECT {kind} AS name, uniqExact(customer) AS n, count() AS touches, countIf(revenue > 0) AS bought {where} AND {kind} != ''"
        " GROUP BY name ORDER BY n DESC, name", **SPAN
    )  # fmt: skip
    assert names == [row["name"] for row in found[:2]], "those whom most customers meet"
    for side, row in zip(("first", "second"), found, strict=False):
        figures = [float(told[what][side]) for what in ("Customers", "Touches", "Purchases")]
        assert figures == [row["n"], row["touches"], row["bought"]]
        shares = [float(each[side]) for what, each in told.items() if "now, of customers" in what]
        assert sum(shares) == pytest.approx(1)
    if kind == "place":
        for side, name in zip(("first", "second"), names, strict=True):
            assert len(lines(world, "customers", "list", met_place=name)) == float(told["Customers"][side])


def test_a_target_goes_on_as_it_changed_in_the_last_weeks(world):
    for channel in ("", "store"):
        world.embedded.store.raw(
            f"INSERT INTO targets (brand, stage, channel, due, customers) VALUES ('lumiere', 'attraction', '{channel}', today() + 14, 5000)",
            "Null",
        )
    (now,) = world.rows("SELECT now64(6, 'UTC') AS at")
    then = now["at"].replace(tzinfo=UTC) - timedelta(days=28)
    held = {customer for customer, stage in stages_at(world, then).items() if stage >= 2}
    met = {row["customer"] for row in world.rows(
        "SELECT DISTINCT customer FROM touchpoints WHERE brand = 'lumiere' AND channel = 'store' AND time < {at:DateTime64(6)}", at=then
    )}  # fmt: skip
    told = {row["channel"]: row for row in lines(world, "targets", "progress")}
    assert held & met < held
    for channel, before in (("", held), ("store", held & met)):
        row = told[channel]
        assert int(row["before"]) == len(before) > int(row["actual"]), "nobody came since, and some lapsed"
        actual = int(row["actual"])
        assert int(row["forecast"]) == max(
            0, round(actual + (actual - len(before)) / 28 * int(row["days_left"]))
        )
    body = world.ask("/view/targets?brand=lumiere").body.decode()
    assert re.search(r"On the course of the last 28 days [\d,]+ by \d+ \w+ \d{4}: [\d,]+ short", body)


def test_a_day_is_that_of_the_brands_time_zone(world):
    (last,) = world.rows("SELECT max(time) AS at FROM touchpoints WHERE brand = 'trattoria-sole'")
    midnight = last["at"].replace(hour=15, minute=0, second=0, microsecond=0, tzinfo=UTC)  # in Tokyo
    assert last["at"].replace(tzinfo=UTC) > midnight, "the evening is on the next day there"
    day = f"{midnight + timedelta(hours=9):%Y-%m-%d}"
    span = {"since": midnight, "until": midnight + timedelta(days=1)}
    (found,) = world.rows(f"SELECT count() AS n {TOUCHES.replace('lumiere', 'trattoria-sole')}", **span)
    told = lines(world, "flow", "period", brand="trattoria-sole", since=day, until=day)
    assert [float(row["now"]) for row in told if row["what"] == "touches"] == [found["n"]]
    shown = html.unescape(world.ask("/view/flow?brand=trattoria-sole").body.decode())
    assert "days and times of Asia/Tokyo" in shown
    assert f'name="until" id="field-until" value="{day}"' in shown


def test_a_brand_that_is_not_there_is_not_compared(world):
    answer = world.ask("/view/compare/sides.csv?kind=brand&one=nope")
    assert answer.status == 400
    assert "there is no such brand" in answer.body.decode()


def test_in_a_browser_a_filter_is_chosen_kept_and_taken_off(opened, world):
    page = opened(f"/view/flow?{urlencode(DAYS)}", viewport={"width": 390, "height": 800})
    page.keyboard.press("Tab")
    page.click(".filter summary")
    (first,) = page.query_selector_all("#known-place option")[:1]
    place = first.get_attribute("value")
    page.fill("#field-met_place", place)
    page.press("#field-met_place", "Enter")
    page.wait_for_selector(".filtered")
    assert f"of place {place}." in page.inner_text(".filtered")
    assert re.search(r"\?brand=lumiere&since=[\d-]+&until=[\d-]+&steps=4&met_place=[\w-]+$", page.url), (
        page.url
    )
    assert html.unescape(page.get_attribute("nav a >> nth=2", "href")).endswith(f"met_place={place}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("text=Show everybody")
    page.wait_for_selector(".filtered", state="detached")


def test_in_a_browser_two_places_are_chosen_from_the_list(opened, world):
    page = opened(f"/view/compare?{urlencode(DAYS)}")
    names = [each.inner_text() for each in page.query_selector_all("#panel-names tbody th")]
    for name in names[1:3]:
        page.click(f"#panel-names tbody th >> text={name}")
        page.wait_for_url(f"**other={name}**")
    assert [each.inner_text() for each in page.query_selector_all(".legend li")] == names[1:3]
    marks = page.query_selector_all("#panel-sides svg .mark")
    assert marks[0].get_attribute("aria-label").startswith(f"{names[1]}: Customers ")
