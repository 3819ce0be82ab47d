"""The feed has every announcement once and each customer's in order, from wherever a reader stands, for whatever they want."""

import json
import os
from collections import defaultdict
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.evidence import LATEST_US
from schemas.apath import default_model, default_model_text
from streams.apath import in_force
from streams.clock import exact, from_us
from streams.embedded.embedded import Embedded
from streams.feed.announcements import Wanted, document, now, read, since
from streams.feed.position import BEGINNING, Place, Position, PositionError
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from tests.backup.world import journey
from tests.collector.server import BATCH, Collector, event
from tests.fixtures import commands
from tests.fixtures.directories import EVENING, with_tables
from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

ALL = Wanted()
DAY_US = 86_400_000_000
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The evening in batches of ten events, and half a year later, by when stages have lapsed."""
    data = with_tables(tmp_path_factory.mktemp("feed") / "data")
    lines = EVENING.read_bytes().splitlines()
    clock = [1_792_281_600_000_000]
    with Embedded(Settings(data=data, handle_key=KEY), clock=lambda: clock[0]) as embedded:
        for first in range(0, len(lines), 10):
            embedded.load([embedded.edge().pack(lines[first : first + 10], topic="file", now_us=clock[0])])
            clock[0] += 60_000_000
        clock[0] += 180 * DAY_US
        embedded.tick()
        yield embedded


def everything(store, position=BEGINNING, wanted=ALL, most=1_000):
    found = []
    while True:
        page = read(store, position, wanted, most)
        found += page.announcements
        position = page.position
        if page.is_whole:
            return found


def key(one):
    return one.partition, one.sequence, one.brand, one.customer


def test_all_is_there_once_and_each_change_begins_where_the_one_before_ended(engine):
    found = everything(engine.store)
    rows = engine.store.query("SELECT _partition, sequence, brand, customer FROM stage_changes", {})
    assert sorted(map(key, found)) == sorted(map(tuple, rows))
    assert len(found) > 60
    assert {one.reason for one in found} >= {"evidence", "lapse", "identity"}
    paths = defaultdict(list)
    for one in found:
        paths[one.brand, one.customer].append(one)
    for path in paths.values():
        assert path[0].from_stage == "none"
        assert all(before.to_stage == after.from_stage for before, after in pairwise(path))
    events = [document(one) for one in found]
    assert len({(one["source"], one["id"]) for one in events}) == len(events)
    json.dumps(events)


@pytest.mark.parametrize("most", [1, 7])
def test_pages_of_any_size_have_the_same(engine, most):
    assert everything(engine.store, most=most) == everything(engine.store)


def test_from_the_position_of_each_comes_what_is_after_it(engine):
    found = everything(engine.store)
    for number in range(0, len(found), 9):
        position = Position.parse(document(found[number])["cursor"])
        assert everything(engine.store, position) == found[number + 1 :]
    assert everything(engine.store, now(engine.store)) == []


def test_from_an_instant_on(engine):
    found = everything(engine.store)
    for number in (0, len(found) // 2, len(found) - 1):
        at_us = found[number].announced_us
        assert everything(engine.store, since(engine.store, from_us(at_us))) == [
            one for one in found if one.announced_us >= at_us
        ]
    assert everything(engine.store, since(engine.store, from_us(LATEST_US))) == []


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Wanted(brands=frozenset({"lumiere"})), lambda one: one.brand == "lumiere"),
        (Wanted(stages=frozenset({"advocacy"})), lambda one: one.to_stage == "advocacy"),
        (Wanted(left=frozenset({"audience"})), lambda one: one.from_stage == "audience"),
        (Wanted(reasons=frozenset({"lapse"})), lambda one: one.reason == "lapse"),
        (Wanted(channels=frozenset({"store"})), lambda one: one.channel == "store"),
    ],
)
def test_only_what_is_wanted(engine, wanted, takes):
    found = [one for one in everything(engine.store) if takes(one)]
    assert found
    assert [key(one) for one in everything(engine.store, wanted=wanted, most=5)] == [
        key(one) for one in found
    ]


def test_the_channel_is_that_of_the_latest_touch_up_to_then(engine):
    for one in everything(engine.store):
        (row,) = engine.store.rows(
            "SELECT argMax(toString(channel), (time, source, id)) AS channel FROM touchpoints"
            " WHERE brand = {brand:String} AND time <= {at:DateTime64(6, 'UTC')}"
            " AND customer = (SELECT customer FROM customers WHERE handle = {customer:UInt64})",
            {"brand": one.brand, "customer": one.customer, "at": exact(from_us(one.at_us))},
        )
        assert one.channel == row["channel"] != ""


def test_partitions_are_read_each_in_its_order_whatever_their_clocks_said(clickhouse):
    store = ClickHouse(clickhouse.database_with_tables())
    model = default_model()
    in_force.write(store.client, model)
    in_force.activate(store.client, model, default_model_text(), 1)
    rows = [(0, 5, 300), (0, 6, 100), (0, 7, 400), (3, 1, 200), (3, 2, 250), (3, 9, 50)]
    for partition, sequence, at_s in rows:
        store.client.command(
            "INSERT INTO stage_changes (brand, customer, from_stage, to_stage, at, reason, model, announced_at, sequence, _partition)"
            f" SELECT 'acme', number, 'none', 'affinity', toDateTime64({at_s}, 6), 'evidence', 'm', toDateTime64({at_s}, 6), {sequence}, {partition}"
            " FROM numbers(3)"
        )
    with closing(store):
        whole = everything(store)
        assert len(whole) == 18
        for partition in (0, 3):
            order = [one.sequence for one in whole if one.partition == partition]
            assert order == sorted(order)
        assert everything(store, most=2) != []
        assert sorted(map(key, everything(store, most=2))) == sorted(map(key, whole))
        for one in whole:
            after = everything(store, one.position)
            assert set(map(key, after)).isdisjoint({key(one)})
            assert len(after) == len(whole) - 1 - whole.index(one)
        assert {one.partition for one in everything(store, Position({0: Place(7, 2**64 - 1)}))} == {3}


@given(
    st.dictionaries(
        st.integers(0, 2**16 - 1), st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
    )
)
def test_a_position_is_a_text_and_back(places):
    position = Position({partition: Place(*place) for partition, place in places.items()})
    assert Position.parse(str(position)) == position
    assert " " not in str(position)


@pytest.mark.parametrize(
    "text", ["", "x", "bm90", "W10", "eyIwIjpbMV19", "eyItMSI6WzEsIjEiXX0", "eyIwIjpbLTEsIjEiXX0", "é", "eyIwIjpbdHJ1ZSwiMSJdfQ", "A" * 99_999]
)  # fmt: skip
def test_a_text_that_is_no_position_is_refused(text):
    with pytest.raises(PositionError, match="not a position"):
        Position.parse(text)


def test_beside_a_running_engine_it_is_followed_and_nobody_who_was_forgotten_is_in_it(tmp_path):
    collector = Collector(tmp_path)
    following = None
    try:
        secret = collector.key("shop")
        collector.start()
        environment = os.environ | {"JOURNEY_HANDLE_KEY": collector._environment["JOURNEY_HANDLE_KEY"]}
        words = [
            str(commands.JOURNEY),
            "feed",
            "--follow",
            "--from",
            "beginning",
            "--json",
            "--data",
            str(collector.data),
        ]
        following = Process(words, environment, tmp_path / "followed.log")

        def followed():
            return [
                json.loads(line) for line in following.log.read_text().splitlines() if line.startswith("{")
            ]

        assert (
            collector.send(
                [event(f"e{n}", data={"handles": {"user": f"u{n}"}}, type="web.purchase") for n in range(5)],
                secret,
                kind=BATCH,
            ).status
            == 202
        )
        wait_until(lambda: len(followed()) == 5, 20, "the feed")
        half = followed()[2]["cursor"]
        rest = [json.loads(line) for line in collector.run("feed", "--from", half, "--json").splitlines()]
        assert [one["id"] for one in rest] == [one["id"] for one in followed()[3:]]
        collector.run("forget", "user:u3")
        left = [json.loads(line) for line in collector.run("feed", "--json").splitlines()]
        assert len(left) == 4
        assert following.stop() == 0
    finally:
        collector.kill()
        if following is not None:
            following.kill()


@pytest.mark.parametrize("text", ["", " ", "yesterday", "NOW", "eyJ4IjoxfQ", "2026"])
def test_a_text_to_read_from_that_is_none_is_refused_and_not_taken_for_the_default(tmp_path, text):
    told = journey("feed", "--from", text, "--data", tmp_path / "data", code=2).stderr
    assert f"--from {text or 'is empty'}" in told
