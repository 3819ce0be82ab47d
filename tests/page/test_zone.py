"""Times are those of the brand's zone: axes, tips, tables and downloads, where clocks change within the period and by half hours."""

import html
import json
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from streams.clock import with_offset
from streams.inputs.simulate import simulate
from streams.page.charts.svg import TimeScale
from streams.page.views import ANSWERS, VIEWS
from tests.page.world import evening

NAME = "Australia/Adelaide"  # nine and a half hours ahead, and ten and a half from 4 October 2026 on
ZONE = ZoneInfo(NAME)
DAYS = "brand=lumiere&since=2026-09-20&until=2026-10-18"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with evening(tmp_path_factory.mktemp("zone"), zones={"": NAME}) as made:
        month = simulate(customers=60, days=40, seed=3, start=datetime(2026, 9, 1, tzinfo=UTC))
        made.load([json.dumps(event).encode() for event in month])
        yield made


@pytest.mark.parametrize(
    "zone", [NAME, "Asia/Kolkata", "Australia/Lord_Howe", "America/Asuncion", "Europe/Paris", "UTC"]
)
@pytest.mark.parametrize(
    ("hours", "step"),
    [
        (1, 900),
        (5, 3_600),
        (20, 10_800),
        (90, 43_200),
        (150, 86_400),
        (300, 172_800),
        (1_000, 604_800),
        (2_600, 1_209_600),
    ],
)
def test_ticks_are_round_by_the_clocks_of_the_zone_on_both_sides_of_a_change(zone, hours, step):
    where = ZoneInfo(zone)
    changes = datetime(2026, 10, 3, 16, 30, tzinfo=UTC)
    scale = TimeScale(changes - timedelta(hours=hours) / 2, changes + timedelta(hours=hours) / 2, 0, 1, where)
    found = scale.ticks(8)
    assert 3 <= len(found) <= 9
    instants = [at for at, _ in found]
    assert instants == sorted(set(instants))
    for at, said in found:
        clock = at.astimezone(where)
        day = said == f"{clock:%-d %b}"
        assert day or said == f"{clock:%H:%M}"
        assert (clock.hour * 3_600 + clock.minute * 60) % min(step, 86_400) == 0
        assert day or step < 86_400
        if step % 604_800 == 0:
            assert clock.weekday() == 0, "weeks begin on Monday"


def test_a_day_without_a_midnight_and_an_hour_that_is_left_out_are_passed_over_in_order():
    where = ZoneInfo("America/Asuncion")  # clocks went from midnight to 1:00 on 6 October 2024
    scale = TimeScale(
        datetime(2024, 10, 5, 12, tzinfo=UTC), datetime(2024, 10, 6, 12, tzinfo=UTC), 0, 1, where
    )
    assert [said for _, said in scale.ticks(8)] == [
        "09:00",
        "12:00",
        "15:00",
        "18:00",
        "21:00",
        "6 Oct",
        "03:00",
        "06:00",
        "09:00",
    ]
    (at,) = [at for at, said in scale.ticks(8) if said == "6 Oct"]
    assert at == datetime(2024, 10, 6, 4, tzinfo=UTC)


@pytest.mark.parametrize(("years", "months"), [(1, 3), (2, 3), (3, 6), (9, 24), (90, 240), (390, 600)])
def test_ticks_of_years_are_the_first_of_months(years, months):
    low = datetime(1905, 5, 7, tzinfo=UTC)
    found = TimeScale(low, low + timedelta(days=365 * years), 0, 1, ZONE).ticks(8)
    assert 3 <= len(found) <= 9
    for at, said in found:
        clock = at.astimezone(ZONE)
        assert (said, clock.day) == (f"{clock:%b %Y}", 1)
        assert (clock.year * 12 + clock.month - 1) % months == 0


def test_differences_of_shown_times_are_those_of_instants():
    one, other = (datetime(2026, 10, 3, 16, minute, tzinfo=UTC) for minute in (0, 45))
    shown = [with_offset(at, ZONE) for at in (one, other)]
    assert [f"{at:%H:%M %z}" for at in shown] == ["01:30 +0930", "03:15 +1030"]
    assert shown[1] - shown[0] == other - one


def shown(world, path):
    answer = world.ask(path)
    assert answer.status == 200, answer.body
    return html.unescape(answer.body.decode())


@pytest.mark.parametrize("view", [view.name for view in (*VIEWS, *ANSWERS)])
def test_no_view_has_a_time_of_another_zone_without_saying_so(world, view):
    (row,) = world.rows(
        "SELECT customer FROM standings WHERE brand = 'lumiere' ORDER BY touches DESC LIMIT 1"
    )
    more = f"&customer={row['customer']:016x}" if view == "journey" else ""
    body = shown(world, f"/view/{view}?{DAYS}{more}")
    assert f"days and times of {NAME}" in body
    main = body.partition('<main id="main"')[2]
    said = re.findall(r"[^<>]*\bUTC\b[^<>]*", main)
    definitions = re.findall(r"How this is counted</summary><p>([^<]*)", main)
    assert view.startswith("question-") or not said
    assert set(said) <= set(definitions), "a question of the cookbook that counts by UTC says so"
    assert re.search(rf"As of \d+ \w+ \d{{4}} \d\d:\d\d:\d\d {NAME}\.", main)


def test_tables_tips_and_downloads_have_the_instants_of_sql_by_the_clocks_of_the_zone(world):
    (row,) = world.rows(
        "SELECT customer FROM touchpoints WHERE brand = 'lumiere' GROUP BY customer"
        " HAVING min(time) < '2026-10-03 00:00:00' AND max(time) > '2026-10-05 00:00:00' ORDER BY count() DESC, customer LIMIT 1"
    )
    asked = f"brand=lumiere&customer={row['customer']:016x}"
    touches = world.rows(
        "SELECT time, formatDateTime(time, '%Y-%m-%d %H:%i', {zone:String}) AS clock FROM touchpoints"
        " WHERE brand = 'lumiere' AND customer = {customer:UInt64} ORDER BY time",
        customer=row["customer"], zone=NAME,
    )  # fmt: skip
    lines = world.lines(f"/view/journey/line.csv?{asked}")
    at = [datetime.fromisoformat(line["at"]) for line in lines if line["what"] == "touch"]
    assert sorted(at) == [each["time"].replace(tzinfo=UTC) for each in touches]
    assert {each.utcoffset() for each in at} == {timedelta(hours=9.5), timedelta(hours=10.5)}
    assert {each.utcoffset() for each in at} == {each.astimezone(ZONE).utcoffset() for each in at}
    body = shown(world, f"/view/journey?{asked}")
    clocks = sorted(each["clock"] for each in touches)
    assert sorted(re.findall(r"<circle [^>]*>", body)), "a dot for each"
    tips = re.findall(r'data-tip="(\d{4}-\d\d-\d\d \d\d:\d\d) \w+\.', body)
    assert sorted(tips) == clocks
    cells = re.findall(r'<th scope="row"[^>]*>(\d{4}-\d\d-\d\d \d\d:\d\d)</th><td>touch', body)
    assert sorted(cells) == clocks


def test_figures_of_a_period_are_those_of_its_days_there(world):
    since, until = (
        datetime(2026, month, day, tzinfo=ZONE).astimezone(UTC) for month, day in ((9, 20), (10, 19))
    )
    assert until - since == timedelta(days=29) - timedelta(hours=1)
    (found,) = world.rows(
        "SELECT count() AS n FROM touchpoints WHERE brand = 'lumiere' AND time >= {since:DateTime64(6)} AND time < {until:DateTime64(6)}",
        since=since, until=until,
    )  # fmt: skip
    lines = world.lines(f"/view/flow/period.csv?{DAYS}")
    assert [float(line["now"]) for line in lines if line["what"] == "touches"] == [found["n"]]


def test_the_columns_of_the_flow_are_midnights_there(world):
    lines = world.lines(f"/view/flow/moves.csv?{DAYS}&steps=8")
    at = {datetime.fromisoformat(line[name]) for line in lines for name in ("since", "until")}
    assert len(at) == 9
    assert {f"{each:%H:%M}" for each in at} == {"00:00"}
    assert {each.utcoffset() for each in at} == {timedelta(hours=9.5), timedelta(hours=10.5)}


def test_in_a_browser_axes_have_midnights_of_the_zone_and_the_slider_its_clocks(opened, world):
    page = opened(
        f"/view/spikes?{DAYS}", viewport={"width": 390, "height": 800}, timezone_id="America/New_York"
    )
    ticks = [
        (float(each.get_attribute("x")), each.inner_html())
        for each in page.query_selector_all("svg[data-figure=heard] > g.axis text")
    ]
    rows = world.lines(f"/view/spikes/series.csv?{DAYS}")
    first, last = (datetime.fromisoformat(rows[n]["at"]) for n in (0, -1))
    assert [said for _, said in ticks] == ["21 Sep", "28 Sep", "5 Oct", "12 Oct", "19 Oct"]
    mondays = [
        datetime.combine(date(2026, 9, 21) + timedelta(days=7 * n), datetime.min.time(), ZONE)
        for n in range(5)
    ]
    hours = [(each.astimezone(UTC) - first) / timedelta(hours=1) for each in mondays]
    steps = [(b[0] - a[0]) / (d - c) for a, b, c, d in zip(ticks, ticks[1:], hours, hours[1:], strict=False)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3), "the week with the change is an hour shorter"
    assert last > first
    page = opened("/view/word-of-mouth?brand=lumiere", timezone_id="America/New_York")
    scrubber = page.query_selector(".scrubber")
    start = datetime.fromisoformat(scrubber.get_attribute("data-start"))
    assert f", {with_offset(start, ZONE):%-d %b %H:%M}:" in page.inner_text("#panel-growth .told")
    page.focus("#growth-at")
    page.keyboard.press("Home")
    assert page.inner_text(".scrubber output").startswith(
        f"{with_offset(start, ZONE):%-d %b %H:%M}: 0 reached"
    )
    whole = page.get_attribute("#growth-at", "max")
    page.keyboard.press("End")
    end = with_offset(start + timedelta(seconds=float(whole)), ZONE)
    assert page.inner_text(".scrubber output").startswith(f"{end:%-d %b %H:%M}: ")
