"""`journey forget` on a server: nothing of her is left in tables, topics, logs and metrics, whoever is killed at it."""

import json
import signal
import subprocess
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from schemas.topics import EVENTS_IN, topics
from streams.erasure.statements import count
from streams.handles.links import handles_of
from streams.kafka.clients import TopicPartition, consumer
from tests.fixtures import commands
from tests.privacy.people import ANN, HERS, RAW, hers, history, identifier, others
from tests.privacy.traces import in_files, in_tables, patterns

WANTED = patterns(RAW, HERS)
EMAIL = f"email:{ANN['email']}"


@pytest.fixture
def working(deploy):
    deployment = deploy(partitions=3)
    deployment.worker()
    return deployment


def records(deployment) -> dict[str, list[bytes]]:
    """Return all that can be read of each topic."""
    found: dict[str, list[bytes]] = {}
    with closing(consumer(deployment.kafka, fetch_max_wait_ms=100)) as source:
        for topic in topics():
            name = deployment.kafka.prefix + topic.name
            places = [TopicPartition(name, p) for p in source.partitions_for_topic(name)]
            source.assign(places)
            source.seek_to_beginning(*places)
            ends = source.end_offsets(places)
            while any(source.position(place) < ends[place] for place in places):
                for batch in source.poll(timeout_ms=500).values():
                    found.setdefault(topic.name, []).extend(record.value or b"" for record in batch)
    return found


def in_topics(deployment, wanted) -> list[str]:
    return [
        f"{topic}: {one!r}"
        for topic, values in records(deployment).items()
        for value in values
        for one in wanted
        if one in value
    ]


def assert_gone(deployment) -> None:
    with closing(deployment.store()) as store:
        assert in_tables(store, WANTED) == []
        assert store.rows("SELECT * FROM erasing") == []
        parts = store.rows(
            "SELECT table FROM system.parts WHERE database = {name:String} AND NOT active AND table != 'fences'"
            " AND table IN ('interactions', 'identity_links', 'identity_map', 'evidence', 'dead_letters', 'erasing')"
            " AND remove_time < now() - 60",
            {"name": store.database},
        )
        assert parts == []
    assert in_topics(deployment, WANTED) == []
    assert in_files(deployment.folder, WANTED) == []
    assert deployment.drift() == []


def test_she_is_erased_from_tables_topics_logs_and_state_and_begins_anew(working):
    working.worker()
    working.gateway()
    lines = history()
    (working.folder.parent / "raw.ndjson").write_bytes(b"\n".join(lines[:20]))
    working.run("publish", "--raw", str(working.folder.parent / "raw.ndjson"))
    working.settle()
    working.publish(lines[20:], size=10)
    working.settle()
    assert in_topics(working, WANTED)
    with closing(working.store()) as store:
        assert in_tables(store, WANTED)
        first = count(store, HERS)
        told = working.json("forget", EMAIL)
        assert told["erased"]["events"] == first.events == 5
        # The line that is no JSON names no brand: nothing of hers was ever kept of it.
        assert (told["erased"]["handles"], told["erased"]["dead_letters"]) == (4, 1)
        working.settle()
        assert_gone(working)
        left = {row["id"]: row["handles"] for row in store.rows("SELECT id, handles FROM interactions")}
        assert left["both"] == [identifier("email", "p1@example.org")]

        working.publish(hers("late"))
        working.settle()
        assert in_tables(store, WANTED) == []
        assert {found.partition(":")[0] for found in in_topics(working, WANTED)} == {"interactions"}
        assert working.drift() == []
        working.publish(hers("again", datetime.now(UTC).isoformat()))
        working.settle()
        assert handles_of(store, HERS[0]) == sorted(HERS)
        assert count(store, HERS).events == 5
        assert working.drift() == []
        assert not [topic for topic in records(working) if topic == EVENTS_IN]

        assert working.json("consent", "deny", EMAIL)["erased"]["events"] == 5
        working.publish(hers("denied", datetime.now(UTC).isoformat()))
        working.settle()
        assert in_tables(store, WANTED) == []
        assert working.json("consent", "grant", EMAIL)["was_denied"]
        assert not working.json("consent", "grant", EMAIL)["was_denied"]
        working.publish(hers("granted", datetime.now(UTC).isoformat()))
        working.settle()
        assert handles_of(store, HERS[0]) == [HERS[0]]
        assert count(store, HERS).events == 2  # those that name her mail first
        assert working.drift() == []


def test_commands_and_workers_killed_at_each_write_of_an_erasure_leave_it_to_be_finished(working):
    working.publish(history(), size=10)
    working.settle()
    forget = [commands.JOURNEY, "forget", EMAIL, "--json"]
    for point in (
        "erasure.begin.after",
        "erasure.send.after",
        "erasure.receipt.after",
        "erasure.delete.after:2",
    ):
        killed = commands.run(
            forget, env=working.environment | {"JOURNEY_FAULT": point}, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, (point, killed.stdout, killed.stderr)
    working.processes[-1].kill()
    with commands.Command(forget, env=working.environment, stdout=subprocess.PIPE) as going_on:
        for point in ("erasure.book.before", "erasure.book.after:4"):
            worker = working.worker(JOURNEY_FAULT=point)
            until = time.monotonic() + 60
            while worker.running:
                assert time.monotonic() < until, (point, working.told())
                time.sleep(0.1)
        working.worker()
        out, _ = going_on.communicate(timeout=90)
        assert going_on.returncode == 0
        assert json.loads(out)["receipt"] == "", "the erasure was finished, and then nothing was known of her"
    for point in ("kafka.delete.after", "erasure.scrub.after", "erasure.clear.after"):
        working.publish(hers(point, datetime.now(UTC).isoformat()))
        working.settle()
        killed = commands.run(
            forget, env=working.environment | {"JOURNEY_FAULT": point}, capture_output=True, check=False
        )
        assert killed.returncode == -signal.SIGKILL, (point, killed.stdout, killed.stderr)
        working.json("forget", EMAIL)
    working.settle()
    assert_gone(working)


def test_events_that_come_meanwhile_are_hers_until_it_is_finished_and_others_lose_nothing(working):
    other = working.worker()
    working.publish(history(), size=10)
    working.settle()
    with commands.Command(
        [commands.JOURNEY, "forget", EMAIL], env=working.environment, stdout=subprocess.DEVNULL
    ) as forget:
        number = 0
        while forget.poll() is None:
            number += 1
            working.publish([*others(number, f"meanwhile{number}"), *hers(f"meanwhile{number}")], size=3)
            if number == 3:
                other.kill()
        assert forget.returncode == 0
    working.settle()
    assert working.drift() == []
    with closing(working.store()) as store:
        (kept,) = store.rows(
            "SELECT countIf(source = 'shop' AND NOT match(id, '-[1-5]$')) AS others, count() - others AS hers"
            " FROM interactions WHERE startsWith(id, 'meanwhile')"
        )
        (left_out,) = store.rows(
            "SELECT count() AS n FROM dead_letters WHERE reason = 'erased' AND bytes = ''"
        )
        (receipt,) = store.rows("SELECT events - 5 AS n FROM erasures")
        assert kept["others"] == sum(3 * n for n in range(1, number + 1))
        assert receipt["n"] + left_out["n"] + kept["hers"] == 5 * number
        assert left_out["n"] > 0
        assert handles_of(store, HERS[0]) in ([HERS[0]], sorted(HERS))


def test_several_at_once_take_turns_and_one_that_stood_still_counts_nobody_twice(working):
    working.publish(history(), size=10)
    working.settle()
    stopped = working.begun("forget", EMAIL, JOURNEY_FAULT="erasure.receipt.before:1:STOP")
    other = working.json("forget", EMAIL)
    assert other["receipt"] == "", "the erasure was finished, and then nothing was known of her"
    first = stopped()
    assert first["erased"]["events"] == 5

    working.publish(hers("again", datetime.now(UTC).isoformat()))
    working.settle()
    whom = [EMAIL, f"phone:{ANN['phone']}", f"loyalty:{ANN['loyalty']}", "email:p1@example.org"]
    *again, friend = (ended() for ended in [working.begun("forget", one) for one in whom])
    assert sorted((one["erased"]["events"], bool(one["receipt"])) for one in again) == [
        (0, False),
        (0, False),
        (5, True),
    ]
    working.settle()
    with closing(working.store()) as store:
        kept = {row["receipt"]: row["events"] for row in store.rows("SELECT receipt, events FROM erasures")}
        told = [one for one in (first, friend, *again) if one["receipt"]]
        assert kept == {one["receipt"]: one["erased"]["events"] for one in told}
        assert store.rows("SELECT count() AS n FROM erasures") == [{"n": 3}]
    assert_gone(working)
