"""Who reads the feed misses nothing although announcements are erased, or a backup has not the latest of them."""

import pytest

from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.feed.announcements import Wanted, now, read
from streams.feed.position import BEGINNING
from streams.settings import Settings
from tests.alerts.child import line
from tests.backup.world import journey
from tests.feed.child import AT_US
from tests.fixtures.directories import with_tables

KEY = bytes(32)


def opened(data):
    return Embedded(Settings(data=data, handle_key=KEY), clock=lambda: AT_US)


def share(embedded, *numbers):
    for number in numbers:
        lines = [line(number, AT_US - number, number, "post")]
        embedded.load([embedded.edge().pack(lines, topic="file", now_us=AT_US)])


def customers(store, position):
    return [one.customer for one in read(store, position, Wanted()).announcements]


@pytest.mark.parametrize("count", [1, 4])
def test_what_comes_after_the_latest_was_erased_is_read(tmp_path, count):
    data = with_tables(tmp_path / "data")
    with opened(data) as embedded:
        share(embedded, *range(4))
        stood = now(embedded.store)
        for customer in customers(embedded.store, BEGINNING)[-count:]:
            forget(embedded, customer)
        assert customers(embedded.store, stood) == []
    with opened(data) as embedded:
        share(embedded, 10, 11)
        assert customers(embedded.store, stood) == customers(embedded.store, BEGINNING)[-2:]


def test_what_comes_after_a_restore_is_read_from_where_a_reader_stood_before(tmp_path):
    data, restored = with_tables(tmp_path / "data"), tmp_path / "restored"
    environment = {"JOURNEY_HANDLE_KEY": KEY.hex()}
    with opened(data) as embedded:
        share(embedded, 0)
    journey("backup", tmp_path / "backup", "--data", data, **environment)
    with opened(data) as embedded:
        share(embedded, 1, 2)
        stood = now(embedded.store)
        known = {
            (one.customer, one.sequence) for one in read(embedded.store, BEGINNING, Wanted()).announcements
        }
    journey("restore", tmp_path / "backup", restored, **environment)
    for number in (3, 4):
        with opened(restored) as embedded:
            share(embedded, number)
            fresh = read(embedded.store, stood, Wanted()).announcements
            assert len(fresh) == number - 2
            assert known.isdisjoint((one.customer, one.sequence) for one in fresh)
