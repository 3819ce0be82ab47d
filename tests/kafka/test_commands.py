"""The commands on Kafka as a user gives them: what they print, and what they leave in Kafka."""

import gzip
import json
from contextlib import closing

import pytest
import typer
from typer.testing import CliRunner

from journey.identity.handle_key import HandleKey
from schemas.apath import default_model_text, parse_model
from streams.apath import in_force
from streams.cli import kafka
from streams.edge import Edge
from streams.inputs.files import InputError, lines_of
from streams.kafka.errors import BrokerError, TopicError
from streams.settings import SettingsError
from streams.store.clickhouse import ClickHouse
from tests.fixtures.servers.process import free_port, wait_until
from tests.kafka.broker import (
    KEY,
    PARTITIONS,
    assert_in_their_partitions,
    events,
    ids,
    letters,
    line,
    running,
)

EVENING = "schemas/examples/evening.ndjson"

app = typer.Typer()
app.add_typer(kafka.app, name="topics")
app.command("publish")(kafka.publish)
app.command("gateway")(kafka.gateway)


@pytest.fixture
def journey(bare, monkeypatch):
    """Run a command on the broker that tests share; return what it printed, raise what it raised."""
    for name, value in {
        "JOURNEY_KAFKA": ",".join(bare.kafka.servers),
        "JOURNEY_TOPIC_PREFIX": bare.kafka.prefix,
        "JOURNEY_HANDLE_KEY": KEY.hex(),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("JOURNEY_STORE", raising=False)

    def run(*words, stdin=None):
        return (
            CliRunner().invoke(app, words, input=stdin, catch_exceptions=False, standalone_mode=False).output
        )

    return run


@pytest.fixture
def made(journey, bare):
    """Make the topics; return their settings."""
    journey("topics", "create", "--partitions", str(PARTITIONS))
    return bare


@pytest.fixture
def file(tmp_path):
    """Write lines to a file; return its name."""

    def written(*lines, name="events.ndjson"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(b"\n".join(lines)) if name.endswith(".gz") else b"\n".join(lines))
        return str(path)

    return written


def test_topics_are_made_once_and_listed(journey, bare):
    said = journey("topics", "create", "--partitions", "3", "--replication", "1")
    assert said.splitlines() == [f"created {bare.kafka.prefix}{name}" for name in
                                 ("events.in", "interactions", "links", "identity.map", "evidence", "dead-letters", "alerts", "stages")]  # fmt: skip
    assert json.loads(journey("topics", "create", "--partitions", "3", "--json"))["created"] == []
    listed = json.loads(journey("topics", "list", "--json"))
    assert [(row["partitions"], row["problems"]) for row in listed] == [
        (3, []),
        (3, []),
        (1, []),
        (3, []),
        (3, []),
        (3, []),
        (1, []),
        (3, []),
    ]
    assert listed[1]["reader"] == "intake"
    text = journey("topics", "list")
    assert f"{bare.kafka.prefix}identity.map  3 partitions, kept 7 days" in text
    assert "gateway, publishers → intake: Frames of validated events" in text
    assert f"{bare.kafka.prefix}links  1 partitions, kept 7 days" in text


def test_topics_that_are_missing_are_listed_as_such(journey):
    assert journey("topics", "list").count("missing") == 8


def test_topics_grow_and_refuse_to_shrink(journey, made):
    assert journey("topics", "grow", "--partitions", "6").startswith(
        f"6 partitions now: {made.kafka.prefix}events.in"
    )
    assert "already" in journey("topics", "grow", "--partitions", "6")
    with pytest.raises(TopicError, match="cannot be taken away"):
        journey("topics", "grow", "--partitions", "5")
    with pytest.raises(TopicError, match="has 6 partitions, not 4"):
        journey("topics", "create", "--partitions", "4")


def test_a_file_is_published_as_load_would_accept_it(journey, made, records):
    done = json.loads(journey("publish", EVENING, "--json"))
    frames = records(made).frames()
    lines = list(lines_of(EVENING))
    whole = Edge(HandleKey(KEY, separate=True)).pack(lines, topic=EVENING, now_us=frames[0][1].packed_us)
    assert (done["input"], done["accepted"], done["dead_letters"]) == (len(lines), len(whole.events), 0)
    assert sorted(events(frames).column("event").to_pylist()) == sorted(
        whole.events.column("event").to_pylist()
    )
    assert_in_their_partitions(frames, PARTITIONS)
    assert {frame.topic for _, frame in frames} == {EVENING}


def test_lines_that_are_no_events_become_dead_letters_by_reason(journey, made, records, file):
    said = journey("publish", file(line(1), b"no", b"", line(2), b"{}", b"neither", name="events.ndjson.gz"))
    assert said.startswith("5 events: 2 accepted, 3 dead letters")
    assert "  1 missing_field\n  2 not_json" in said
    found = {letter["topic_offset"]: letter["reason"] for letter in letters(records(made).frames())}
    assert found == {2: "not_json", 4: "missing_field", 5: "not_json"}


def test_standard_input_and_several_files_can_be_published(journey, made, records, file):
    path = file(b"[%s, %s]" % (line(1), line(2)), name="one.json")
    done = json.loads(journey("publish", "-", path, "--json", stdin=line(3) + b"\n"))
    assert done["accepted"] == 3
    assert set(ids(records(made).frames())) == {"e-1", "e-2", "e-3"}


def test_raw_events_are_left_to_a_gateway(journey, made, records, file, monkeypatch):
    monkeypatch.delenv("JOURNEY_HANDLE_KEY")
    path = file(*(line(number) for number in range(2_500)), b"no event")
    assert json.loads(journey("publish", "--raw", path, "--json"))["accepted"] == 2_501
    there = records(made)
    assert len(there.read("events.in")) == 2_501
    assert there.frames() == []
    with running(made) as gateway:
        wait_until(
            lambda: gateway.state.events + sum(gateway.state.dead_letters.values()) == 2_501, 60, "the events"
        )
    assert ids(there.frames()) == {f"e-{number}": 1 for number in range(2_500)}


def test_a_raw_event_larger_than_a_record_is_named_and_those_before_it_are_sent(journey, made, records, file):
    with pytest.raises(InputError, match=r"event 2: 2000000 bytes, at most"):
        journey("publish", "--raw", file(line(1), b"x" * 2_000_000, line(3)))
    assert [record.value for record in records(made).read("events.in")] == [line(1)]


def test_what_is_missing_is_said(journey, monkeypatch):
    with pytest.raises(TopicError, match="journey topics create"):
        journey("publish", EVENING)
    with pytest.raises(TopicError, match="journey topics create"):
        journey("publish", "--raw", EVENING)
    monkeypatch.delenv("JOURNEY_HANDLE_KEY")
    for words in (("publish", EVENING), ("gateway",)):
        with pytest.raises(SettingsError, match="JOURNEY_HANDLE_KEY is not set"):
            journey(*words)
    monkeypatch.setenv("JOURNEY_KAFKA", f"127.0.0.1:{free_port()}")
    for words in (
        ("topics", "list"),
        ("topics", "create", "--partitions", "1"),
        ("publish", "--raw", EVENING),
    ):
        with pytest.raises(BrokerError, match="cannot reach Kafka"):
            journey(*words)
    monkeypatch.delenv("JOURNEY_KAFKA")
    with pytest.raises(BrokerError, match="JOURNEY_KAFKA is not set"):
        journey("topics", "list")


def test_values_that_are_nobody_come_from_the_model_in_force(journey, made, file, clickhouse, monkeypatch):
    dsn = clickhouse.database_with_tables()
    monkeypatch.setenv("JOURNEY_STORE", dsn)
    path = file(line(1, handles={"cookie": "kiosk-17"}))
    assert json.loads(journey("publish", path, "--json"))["accepted"] == 1
    text = default_model_text().replace("nobody = []", 'nobody = ["kiosk-17"]', 1)
    with closing(ClickHouse(dsn)) as store:
        in_force.write(store.client, parse_model(text))
        in_force.activate(store.client, parse_model(text), text, 1)
    assert json.loads(journey("publish", path, "--json"))["dead_letters_by_reason"] == {"no_handle": 1}
