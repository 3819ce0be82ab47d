"""verify on a server: workers may be writing meanwhile, and they announce lapses; what drifts for good is found."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from streams.analysis.checks import CHECKS
from streams.analysis.verify import verify
from streams.clock import from_us, to_us
from streams.edge.event_keys import Keys
from streams.server.server import Server
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from tests.on_server.conftest import copy, embedded

LATER_US = to_us(datetime(2029, 1, 1, tzinfo=UTC))


@pytest.fixture
def filled(store, loaded) -> ClickHouse:
    """A server's store with the rows of the data directory."""
    with embedded(loaded) as source:
        copy(source, store.client)
    return store


def looked(store, tmp_path, *, meanwhile=lambda: None, clock=None):
    """Return what drifts, and how long was waited between two looks."""
    waits = []

    def wait(seconds):
        waits.append(seconds)
        meanwhile()

    settings = Settings(tmp_path, store=str(store.address))
    with closing(Server(settings, **({"clock": clock} if clock else {}))) as server:
        return {check.name: check.drift for check in verify(server, wait=wait) if check.drift}, waits


def test_where_nothing_drifts_one_look_is_enough(filled, tmp_path):
    assert looked(filled, tmp_path) == ({}, [])


def test_a_batch_that_is_under_way_is_no_drift(filled, tmp_path):
    write = "INSERT INTO deliveries (topic, received, stored, _offset) VALUES ('test', 1, 1, 1000000)"
    key = int.from_bytes(Keys().keys(["test"], ["1"], [b"\0007"]), "little")
    finish = (
        "INSERT INTO interactions (event, source, id, handle, handles, type, _offset)"
        f" VALUES ({key}, 'test', '1', 7, [7], 'web.click', 1000000)"
    )
    filled.client.command(write)
    found, waits = looked(filled, tmp_path, meanwhile=lambda: filled.client.command(finish))
    assert found == {}
    assert waits == [pytest.approx(5, abs=4)]


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("INSERT INTO deliveries (topic, received) VALUES ('test', 1)", "books"),
        ("INSERT INTO minute_counts (brand, minute, type, touches) VALUES ('x', now(), 'web.click', 1)", "minutes"),
        ("ALTER TABLE stage_changes DELETE WHERE to_stage = 'advocacy' SETTINGS mutations_sync = 2", "announced"),
        ("ALTER TABLE stage_changes DELETE WHERE to_stage = 'advocacy' SETTINGS mutations_sync = 2", "stages"),
        ("INSERT INTO identity_map SELECT * REPLACE (handle + 1 AS customer, version + 1 AS version) FROM identity_map LIMIT 1", "customers"),
    ],
)  # fmt: skip
def test_what_drifts_in_both_looks_is_found(filled, tmp_path, damage, name):
    filled.client.command(damage)
    found, waits = looked(filled, tmp_path)
    assert found[name] >= 1
    assert len(waits) == 1


def test_a_lapse_that_workers_have_yet_to_announce_is_no_drift(filled, tmp_path):
    assert looked(filled, tmp_path, clock=lambda: LATER_US) == ({}, [])
    parameters = {
        "model": filled.rows("SELECT model FROM model_in_force")[0]["model"],
        "at": from_us(LATER_US),
        "slices": 1,
        "slice": 0,
    }
    strictly = f"SELECT count() AS n FROM ({CHECKS['stages'][1]})"
    assert filled.rows(strictly, parameters | {"workers": False})[0]["n"] > 20
    assert filled.rows(strictly, parameters | {"workers": True})[0]["n"] == 0


def test_nothing_is_written(filled, tmp_path):
    before = filled.sequences(), filled.watermarks()
    looked(filled, tmp_path, clock=lambda: LATER_US)
    assert (filled.sequences(), filled.watermarks()) == before
