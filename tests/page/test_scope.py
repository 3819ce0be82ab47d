"""The period that a view shows where the URL names none, and what it refuses."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from streams.analysis.brands import Brand
from streams.page.scope import ScopeError, presets, read

FIRST = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "until", "reaches_end"),
    [
        (at(17, 20), at(17, 21), at(17, 21), True),
        (
            at(17, 20),
            at(18, 7),
            at(18, 7),
            True,
        ),  # figures end where "now" stands, though nobody came since midnight
        (at(17, 20), at(19), at(18), True),
        (at(17, 20), at(30), at(18), True),  # a brand that fell silent ends with its last day
    ],
)
def test_without_a_period_a_young_brand_is_shown_from_its_first_day_to_now(last, now, until, reaches_end):
    scope = read({}, [Brand("lumiere", FIRST, last)], (), now)
    assert (scope.since, scope.until, scope.reaches_end) == (at(1), until, reaches_end)


def test_a_day_that_is_named_is_shown_to_its_end():
    brand = Brand("lumiere", FIRST, at(17, 20))
    assert read({"until": "2026-10-16"}, [brand], (), at(18)).until == at(17)
    assert read({"until": "2026-10-17"}, [brand], (), at(17, 21)).until == at(17, 21)
    assert not read({"until": "2026-10-16"}, [brand], (), at(18)).reaches_end


def test_a_period_that_ends_before_it_begins_is_refused():
    with pytest.raises(ScopeError, match="since: must be before until"):
        read({"since": "2026-10-17", "until": "2026-10-16"}, [Brand("lumiere", FIRST, at(17))], (), at(18))


@pytest.mark.parametrize("first", [1970, 2024])
def test_an_event_of_long_ago_does_not_flatten_the_charts_that_open(first):
    brand = Brand("lumiere", datetime(first, 1, 1, 12, tzinfo=UTC), at(17, 20))
    scope = read({}, [brand], (), at(17, 21))
    assert (scope.since, scope.until) == (datetime(2025, 10, 17, tzinfo=UTC), at(17, 21))
    assert read({"since": f"{first}-01-01"}, [brand], (), at(17, 21)).since == datetime(
        first, 1, 1, tzinfo=UTC
    )
    assert read({"until": "2026-10-16"}, [brand], (), at(17, 21)).since == datetime(2025, 10, 16, tzinfo=UTC)


def test_periods_to_choose_from_are_counted_in_whole_days_back_from_the_end():
    brand = Brand("lumiere", datetime(1970, 1, 1, 12, tzinfo=UTC), at(17, 20))
    assert {label: f"{since:%Y-%m-%d}" for label, since in presets(brand, at(17, 21)).items()} == {
        "7 days": "2026-10-11", "30 days": "2026-09-18", "90 days": "2026-07-20", "1 year": "2025-10-17", "all": "1970-01-01",
    }  # fmt: skip
    assert presets(brand, at(18)) == presets(brand, at(17, 21)), "midnight begins no day by itself"
    silent = presets(Brand("lumiere", FIRST, at(17, 20)), at(30))
    assert {label: f"{since:%Y-%m-%d}" for label, since in silent.items()} == {
        "7 days": "2026-10-11",
        "all": "2026-10-01",
    }


def test_a_period_that_is_chosen_is_that_many_days():
    brand = Brand("lumiere", datetime(2020, 1, 1, tzinfo=UTC), at(17, 20))
    for label, days in (("7 days", 7), ("30 days", 30), ("90 days", 90), ("1 year", 366)):
        since = presets(brand, at(17, 21))[label]
        scope = read({"since": f"{since:%Y-%m-%d}"}, [brand], (), at(17, 21))
        assert scope.reaches_end
        assert -((scope.since - scope.until) // timedelta(days=1)) == days


def test_days_are_those_of_the_brands_zone_in_summer_and_winter():
    brand = Brand("lumiere", datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 11, 30, 22, 30, tzinfo=UTC))
    zones = {"": ZoneInfo("Asia/Tokyo"), "lumiere": ZoneInfo("Europe/Paris")}
    now = datetime(2026, 12, 24, tzinfo=UTC)

    def asked(**query):
        scope = read(query, [brand], (), now, zones=zones)
        return f"{scope.since:%m-%d %H}", f"{scope.until:%m-%d %H}", str(scope.first_day), str(scope.last_day)

    day = {"since": "2026-03-29", "until": "2026-03-29"}
    assert asked(**day) == ("03-28 23", "03-29 22", "2026-03-29", "2026-03-29"), "it has 23 hours"
    day = {"since": "2026-10-25", "until": "2026-10-25"}
    assert asked(**day) == ("10-24 22", "10-25 23", "2026-10-25", "2026-10-25"), "it has 25 hours"
    assert asked()[1:] == ("11-30 23", "2026-03-01", "2026-11-30"), "its last touch is on the 30th there"
    assert presets(brand, now, zones["lumiere"])["7 days"].isoformat() == "2026-11-24"
    other = read({"since": "2026-10-17"}, [Brand("nova", brand.first, brand.last)], (), now, zones=zones)
    assert (other.since, other.first_day) == (datetime(2026, 10, 16, 15, tzinfo=UTC), date(2026, 10, 17))
    assert read({"since": "1900-01-01"}, [brand], (), now, zones=zones).since == datetime(
        1900, 1, 1, tzinfo=UTC
    )
