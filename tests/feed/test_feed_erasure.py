"""Who reads the feed misses nothing although announcements are erased, or a backup has not the latest of them."""

import pytest

from streams.embedded.embedded import Embedded
from streams.embedded.forget import forget
from streams.embedded.rotate import rotate
from streams.feed.announcements import Wanted, now, read
from streams.feed.position import BEGINNING, Position
from streams.handles import key as keys
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


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_reader_misses_nothing_when_the_key_changes_while_they_stand_among_what_was_written_together(
    tmp_path, count
):
    data = with_tables(tmp_path / "data")
    with opened(data) as embedded:
        lines = [line(number, AT_US - number, number, "post") for number in range(8)]
        embedded.load([embedded.edge().pack(lines, topic="file", now_us=AT_US)])
        share(embedded, 100)
        page = read(embedded.store, BEGINNING, Wanted(), count)
        had, stood = len(page.announcements), Position.parse(str(page.position))
        assert had == count
        rotate(embedded, KEY + bytes(range(32)))
        whole = customers(embedded.store, BEGINNING)
        assert len(whole) == 9
        assert customers(embedded.store, stood) == whole, "the write in which they stand comes again"
        assert customers(embedded.store, now(embedded.store)) == []
        # Rows of a key that is taking the place of another are not read.
        keys.keep(embedded.store, "another", keys.READY, AT_US)
        held = read(embedded.store, stood, Wanted())
        assert (held.is_held, held.is_whole, held.announcements, held.position) == (True, False, [], stood)


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
