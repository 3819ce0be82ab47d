"""On a server `journey alerts watch` sends changes of stage, and goes on from where it was when it is killed."""

import os
from functools import partial

import pytest

from tests.alerts.child import SECRET
from tests.alerts.receiver import listening
from tests.fixtures import commands
from tests.fixtures.databases import with_model
from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

ROWS = (
    "INSERT INTO stage_changes (brand, customer, from_stage, to_stage, at, reason, model, announced_at, sequence, _partition)"
    " SELECT 'acme', number, 'none', 'affinity', now64(6), 'evidence', 'm', now64(6), {sequence}, {sequence} % 2 FROM numbers({count})"
)
BOOKED = "SELECT argMax(delivered, number) FROM feed_positions"


def booked(store, count):
    return store.query(BOOKED, {})[0][0] == count


@pytest.fixture
def server(clickhouse):
    with with_model(clickhouse) as (dsn, store):
        yield dsn, store


def test_a_watcher_on_a_server_sends_them_and_goes_on_where_a_killed_one_was(server, tmp_path):
    dsn, store = server
    with listening() as receiver:
        feed = f'[[feed]]\nname = "crm"\nurl = "{receiver.url}"\nsecret = "{SECRET}"\nprivate = true\nbegin = "beginning"\n'
        (file := tmp_path / "alerts.toml").write_text(feed)
        environment = os.environ | {
            "JOURNEY_STORE": dsn,
            "JOURNEY_WEB_PORT": "0",
            "JOURNEY_HANDLE_KEY": "00" * 32,
        }
        for turn in range(2):
            store.client.command(ROWS.format(sequence=2 * turn + 1, count=3))
            words = [str(commands.JOURNEY), "alerts", "watch", "--alerts", str(file)]
            watcher = Process(words, environment, tmp_path / f"watcher-{turn}.log")
            try:
                receiver.wait(5 * turn + 3)
                store.client.command(ROWS.format(sequence=2 * turn + 2, count=2))
                receiver.wait(5 * turn + 5)
                wait_until(partial(booked, store, 5 * turn + 5), 20, watcher.told())
            finally:
                watcher.kill()
    names = [one.json["id"] for one in receiver.taken]
    assert len(names) == len(set(names)) == 10
    assert [int(name.rpartition("-")[2]) for name in names] == [1] * 3 + [2] * 2 + [3] * 3 + [4] * 2
