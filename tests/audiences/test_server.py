"""On a server audiences are kept by `journey alerts watch`; who writes takes a fence, and an erasure ends what is on its way."""

import os
from contextlib import closing, contextmanager

import pytest

from streams.audiences import members as stored
from streams.audiences.alone import Fenced, end_writes
from streams.audiences.members import HeldError
from streams.audiences.upkeep import Upkeep
from streams.clock import system_clock
from streams.erasure import statements
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from streams.store.connections import opener
from tests.audiences.world import audience, changes, members
from tests.fixtures import commands
from tests.fixtures.databases import with_model
from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

EVERYBODY = "SELECT handle AS customer FROM customers"
FILE = f"""
[[audience]]
name = "a"
brand = "acme"
every_s = 5
sql = "{EVERYBODY}"

[[audience]]
name = "broken"
brand = "acme"
sql = "SELECT customer FROM nowhere"
"""
PEOPLE = "INSERT INTO identity_map (handle, kind, customer, previous, version) SELECT number, 'user', number, number, 1 FROM numbers({first}, {count})"


@pytest.fixture
def server(clickhouse):
    with with_model(clickhouse) as (dsn, store):
        store.client.command(PEOPLE.format(first=1, count=5))
        yield dsn, store


@contextmanager
def keeping(dsn, tmp_path, alone=None):
    settings = Settings(tmp_path, store=dsn)
    upkeep = Upkeep(
        [audience(sql=EVERYBODY)], opener(settings, stored.LIMITS), alone or Fenced(), system_clock
    )
    try:
        yield upkeep
    finally:
        upkeep.close()


def test_a_watcher_keeps_them_and_a_command_refreshes_them_meanwhile(server, tmp_path):
    dsn, store = server
    (file := tmp_path / "audiences.toml").write_text(FILE)
    environment = os.environ | {
        "JOURNEY_STORE": dsn, "JOURNEY_WEB_PORT": "0", "JOURNEY_HANDLE_KEY": "00" * 32, "JOURNEY_AUDIENCES": str(file),
    }  # fmt: skip
    watcher = Process([str(commands.JOURNEY), "alerts", "watch"], environment, tmp_path / "watcher.log")
    try:
        wait_until(lambda: members(store) == {1, 2, 3, 4, 5}, 60, watcher.told())
        store.client.command(PEOPLE.format(first=6, count=2))
        done = commands.run(
            [commands.JOURNEY, "audience", "refresh"], env=environment, capture_output=True, text=True, check=False, timeout=60
        )  # fmt: skip
        assert done.returncode == 1, "one is broken"
        assert "a  7 members: " in done.stdout
        assert "nowhere" in done.stdout
        store.client.command(PEOPLE.format(first=8, count=2))
        wait_until(lambda: len(members(store)) == 9, 60, watcher.told())
    finally:
        watcher.kill()
    said = changes(store)
    assert len(said) == len(set(said)) == 9


class Between(Fenced):
    """Something that happens once the fence is taken and before the insert, or before both."""

    def __init__(self, happens, *, inside):
        self.happens, self.inside = happens, inside

    @contextmanager
    def writing(self, store, stamp):
        happens, self.happens = self.happens, lambda: None
        if not self.inside:
            happens()
        with super().writing(store, stamp) as found:
            if self.inside:
                happens()
            yield found


@pytest.mark.parametrize("inside", [False, True])
def test_an_erasure_that_begins_meanwhile_ends_what_is_on_its_way(server, tmp_path, inside):
    dsn, store = server

    def erased():
        statements.begin(store.insert, "r", [3], "", system_clock())
        end_writes(store)

    with keeping(dsn, tmp_path, Between(erased, inside=inside)) as upkeep:
        upkeep.step(store)
        assert changes(store) == []
        assert upkeep.states[0].errors == 0
        upkeep._due_s = [0.0]
        upkeep.step(store)
        assert changes(store) == [], "nothing is written until it is finished"
        statements.delete(store, "r", "identity_map", "audience_changes")
        statements.clear(store, "r")
        upkeep.refresh(store)
    assert members(store) == {1, 2, 4, 5}


@pytest.mark.parametrize("inside", [False, True])
def test_of_two_who_look_at_once_one_writes(server, tmp_path, inside):
    dsn, store = server

    def other():
        with closing(ClickHouse(dsn)) as second, keeping(dsn, tmp_path) as also:
            (done,) = also.refresh(second)
            assert done.entered == 5

    with keeping(dsn, tmp_path, Between(other, inside=inside)) as upkeep:
        upkeep.step(store)
        upkeep.refresh(store)
        assert upkeep.states[0].members == 5
    assert len(changes(store)) == 5


def test_two_who_take_the_fence_at_once_are_told(server):
    _, store = server
    stamp, found = stored.stamp(store), stored.changes(store, audience(sql=EVERYBODY))

    def late():
        with Fenced().writing(store, stamp) as (insert, number):
            end_writes(store)
            stored.write(insert, found, number, 5)

    with pytest.raises(HeldError, match="another process"):
        late()
    assert changes(store) == []
