"""Which answers of before will do."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.connections import Kept, Want

NOW = datetime(2026, 10, 17, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("version", "age_s", "oldest_s", "stale_s", "will_do"),
    [
        ("now", 0, 0, 0, True),
        ("now", 30, 30, 0, True),
        ("now", 31, 30, 0, False),
        ("before", 0, 30, 0, False),  # of other tables, though within the second
        ("before", 119, 30, 120, True),
        ("before", 120, 30, 120, False),
    ],
)
def test_an_answer_will_do_while_it_is_of_these_tables_or_a_stale_one_is_wanted(
    version, age_s, oldest_s, stale_s, will_do
):
    want = Want("now", NOW, oldest_s=oldest_s, stale_s=stale_s)
    assert want.takes(Kept(version, NOW - timedelta(seconds=age_s), "answer")) is will_do
