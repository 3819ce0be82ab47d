"""The period that a view shows where the URL names none, and what it refuses."""

from datetime import UTC, datetime

import pytest

from streams.page.scope import Brand, ScopeError, read

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
def test_without_a_period_a_brand_is_shown_from_its_first_day_to_now(last, now, until, reaches_end):
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
