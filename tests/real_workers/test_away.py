"""ClickHouse is away, has no room, or refuses: workers wait and say so, and lose nothing."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.real_workers.deployment import Deployment
from tests.real_workers.events import stream
from tests.real_workers.tables import assert_equal, expected

_AWHILE_S = 4.0


@contextmanager
def killed(server, _store) -> Iterator[str]:
    server.kill()
    yield "Connection refused"
    server.start()


@contextmanager
def standing_still(server, _store) -> Iterator[str]:
    server.pause()
    yield ""  # nothing is known to be wrong as long as an answer may come
    server.resume()


@contextmanager
def without_room(server, _store) -> Iterator[str]:
    server.fill_disk()
    yield "NOT_ENOUGH_SPACE"
    server.free_disk()


@contextmanager
def too_many_parts(_server, store) -> Iterator[str]:
    store.client.command("ALTER TABLE interactions MODIFY SETTING parts_to_throw_insert = 1")
    yield "TOO_MANY_PARTS"
    store.client.command("ALTER TABLE interactions MODIFY SETTING parts_to_throw_insert = 3000")


TROUBLES = (killed, standing_still, without_room, too_many_parts)


@pytest.mark.parametrize("troubles", [TROUBLES], ids=["one after the other"])
def test_workers_wait_for_a_store_that_is_away_and_go_on_when_it_is_back(
    kafka, own_clickhouse, tmp_path, troubles
):
    server = own_clickhouse(disk_mb=192)
    there = Deployment(
        kafka.servers, server.database_with_tables(), tmp_path, prefix=kafka.fresh_prefix(), partitions=2
    )
    with closing(there), closing(there.store()) as store:
        lines = stream(31, customers=20)
        worker = there.worker()
        size = -(-len(lines) // (len(troubles) + 1))
        there.publish(lines[:size], size=20)
        there.settle()
        for number, trouble in enumerate(troubles, 1):
            began = worker.log.stat().st_size
            with trouble(server, store) as said:
                first = number * size
                there.publish(lines[first : first + size], size=20, after=first)
                there.wait(lambda: said in worker.log.read_text()[began:], f"the worker to say {said}")  # noqa: B023
                time.sleep(_AWHILE_S)
                assert there.behind(), "nothing is acknowledged that the store does not have"
            there.settle()
            assert worker.running
        assert_equal(there, expected(lines, tmp_path))
        print(worker.told(30))
