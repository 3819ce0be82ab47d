"""The commands on readable handles, killed at each of their writes, alone and beside `journey up`; and backups."""

import csv
import io
import json

import pytest

from tests.backup.world import journey, tried
from tests.collector.server import BATCH, Collector, event
from tests.faults.runs import KILLED
from tests.fixtures.directories import EVENING, with_tables
from tests.fixtures.servers.process import wait_until
from tests.privacy.traces import in_files

ON = {"JOURNEY_READABLE": "user loyalty"}
CARDS = sorted(
    {
        ("loyalty", json.loads(line)["data"]["handles"]["loyalty"])
        for line in EVENING.read_text().splitlines()
        if '"loyalty"' in line and '"lumiere"' in line
    }
)


@pytest.fixture
def data(tmp_path):
    return with_tables(tmp_path / "data")


def exported(data, *more, **environment):
    told = journey(
        "readable", "export", "--brand", "lumiere", *more, "--data", data, **(ON | environment)
    ).stdout
    return [tuple(row) for row in csv.reader(io.StringIO(told))][1:]


def cards(data):
    return sorted((kind, value) for _, kind, value in exported(data) if kind == "loyalty")


def test_killed_at_the_write_of_values_each_is_there_once(data):
    for point in ("insert.readable_handles.before", "insert.readable_handles.after", "key.write.before"):
        done = tried("load", EVENING, "--data", data, JOURNEY_FAULT=point, **ON)
        assert done.returncode in {0, KILLED}, done.stderr
    journey("load", EVENING, "--data", data, **ON)
    assert cards(data) == CARDS
    counted = "SELECT count() AS n, uniqExact(brand, handle) AS u FROM readable_handles"
    kept = json.loads(journey("sql", counted, "--data", data, "--format", "JSONEachRow").stdout)
    assert kept["n"] == kept["u"]
    assert "all figures recompute" in journey("verify", "--data", data).stdout


def test_killed_at_any_write_a_rotation_goes_on_where_it_was(data):
    journey("load", EVENING, "--data", data, **ON)
    for number, point in enumerate(
        ("key.write.before", "key.write.after", "insert.readable_handles.after", "readable.delete.before",
         "readable.delete.after")
    ):  # fmt: skip
        assert tried("readable", "rotate", "--data", data, JOURNEY_FAULT=point, **ON).returncode == KILLED, (
            point
        )
        assert cards(data) == CARDS, (number, point)
    journey("readable", "rotate", "--data", data, **ON)
    shown = json.loads(journey("readable", "show", "--json", "--data", data, **ON).stdout)
    assert len({one["fingerprint"] for one in shown}) == 1
    assert all(one["named"] and one["has_key"] for one in shown)
    assert cards(data) == CARDS
    for point in (
        "rekey.fill.after:5",
        "rekey.replace.before:3",
        "rekey.replace.after:9",
        "rekey.clear.before",
    ):
        assert tried("keys", "rotate", "--data", data, JOURNEY_FAULT=point, **ON).returncode in {0, KILLED}
        assert cards(data) == CARDS, point
    journey("keys", "rotate", "--data", data, **ON)
    assert cards(data) == CARDS


def test_an_export_has_the_customers_that_are_asked_for_and_is_for_who_has_the_key(data, tmp_path):
    journey("load", EVENING, "--data", data, **ON)
    everyone = exported(data)
    some = tmp_path / "some.txt"
    some.write_text(
        f"#{everyone[0][0]}\n{int(everyone[1][0], 16)}\n\n#{'0' * 15}7\n{int(everyone[0][0], 16)}\n"
    )
    names = {everyone[0][0], everyone[1][0]}
    assert exported(data, "--customers", some) == [row for row in everyone if row[0] in names]
    some.write_text(
        "\n".join(str(int(row[0], 16)) for row in everyone)
    )  # as SQL shows them: half have 20 digits
    assert exported(data, "--customers", some) == everyone
    for nobody in ("ann@example.com", str(2**64), "1" * 5_000, "²"):
        some.write_text(f"{nobody}\n")
        wrong = tried("readable", "export", "--brand", "lumiere", "--customers", some, "--data", data, **ON)
        assert (wrong.returncode, "line 1: no customer" in wrong.stderr) == (2, True)
    other = tried(
        "readable", "export", "--brand", "lumiere", "--data", data, JOURNEY_READABLE_KEY="ab" * 32, **ON
    )
    assert (other.returncode, other.stdout) == (2, "")
    assert "is encrypted under the key" in other.stderr
    refused = tried("readable", "export", "--brand", "lumiere", "--data", data)
    assert (refused.returncode, "JOURNEY_READABLE names the kinds" in refused.stderr) == (2, True)


def test_the_feed_has_them_where_they_are_asked_for(data):
    journey("load", EVENING, "--data", data, **ON)
    plain = journey("feed", "--json", "--brand", "lumiere", "--data", data, **ON).stdout.splitlines()
    assert all("handles" not in json.loads(line)["data"] for line in plain)
    told = journey("feed", "--json", "--readable", "--brand", "lumiere", "--data", data, **ON).stdout
    events = [json.loads(line) for line in told.splitlines()]
    assert len(events) == len(plain)
    found = {card for one in events for card in one["data"]["handles"].get("loyalty", ())}
    assert {("loyalty", card) for card in found} <= set(CARDS)
    assert found
    assert all(set(one["data"]["handles"]) <= {"user", "loyalty"} for one in events)


def test_a_kind_is_dropped_once_it_is_not_named_and_not_before(data):
    journey("load", EVENING, "--data", data, **ON)
    words = ("readable", "drop", "--brand", "lumiere", "--kind", "loyalty", "--data", data)
    refused = tried(*words, **ON)
    assert (refused.returncode, "events would bring the values back" in refused.stderr) == (2, True)
    for point in ("readable.delete.before", "readable.delete.after"):
        assert tried(*words, JOURNEY_READABLE="user", JOURNEY_FAULT=point).returncode == KILLED
    told = journey(*words, JOURNEY_READABLE="user").stdout
    assert "0 handles" in told
    assert cards(data) == []
    assert tried("readable", "drop", "--brand", "lumiere", "--data", data).returncode == 2


def test_a_backup_has_what_is_encrypted_and_the_key_only_when_it_is_asked_for(data, tmp_path):
    journey("load", EVENING, "--data", data, **ON)
    journey("backup", tmp_path / "without", "--data", data, **ON)
    journey("backup", tmp_path / "with", "--with-key", "--data", data, **ON)
    key = (data / "readable.key").read_bytes()
    assert in_files(tmp_path / "without", [key, b"LUM-1"]) == []
    journey("restore", tmp_path / "with", tmp_path / "again", **ON)
    assert cards(tmp_path / "again") == CARDS
    keys = {"JOURNEY_HANDLE_KEY": (data / "handle.key").read_text()}
    journey("restore", tmp_path / "without", tmp_path / "keyless", **keys)
    words = ("readable", "export", "--brand", "lumiere", "--data", tmp_path / "keyless")
    refused = tried(*words, **keys, **ON)
    assert (refused.returncode, "is encrypted under the key" in refused.stderr) == (2, True)
    told = tried(*words, JOURNEY_READABLE_KEY=key.decode(), **keys, **ON)
    assert (told.returncode, len(told.stdout.splitlines())) == (0, len(exported(data)) + 1)


def test_beside_a_process_that_takes_events_all_of_them_work(data, tmp_path):
    up = Collector(tmp_path, JOURNEY_HANDLE_KEY="", **ON)
    secret = up.key("shop")
    up.start()

    def send(name, *numbers):
        some = [
            event(f"{name}-{n}", data={"brand": "lumiere", "handles": {"loyalty": f"CARD-{n}"}})
            for n in numbers
        ]
        assert up.send(some, secret, kind=BATCH).status == 202

    def there():
        return sorted(value for _, _, value in exported(data))

    try:
        send("a", 1, 2)
        wait_until(lambda: there() == ["CARD-1", "CARD-2"], 20, "both to be kept")
        first = json.loads(journey("readable", "rotate", "--json", "--data", data, **ON).stdout)
        assert first["values"] == 2
        send("b", 1, 2, 3)
        wait_until(lambda: there() == ["CARD-1", "CARD-2", "CARD-3"], 20, "the third to be kept")
        (shown,) = json.loads(journey("readable", "show", "--json", "--data", data, **ON).stdout)
        assert (shown["handles"], shown["fingerprint"]) == (3, first["fingerprint"])
        journey("forget", "loyalty:CARD-2", "--data", data, **ON)
        assert there() == ["CARD-1", "CARD-3"]
        send("c", 2)
        wait_until(lambda: there() == ["CARD-1", "CARD-2", "CARD-3"], 20, "who comes back to be somebody new")
        dropped = ("readable", "drop", "--brand", "lumiere", "--kind", "loyalty")
        journey(*dropped, "--data", data, JOURNEY_READABLE="user")
        assert there() == []
        assert up.stop() == 0
    finally:
        up.kill()
    assert in_files(data, [b"CARD-1", b"CARD-3"]) == []
