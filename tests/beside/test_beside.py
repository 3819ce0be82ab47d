"""Every command beside a running `journey up`: it prints what it prints alone, and neither can hurt the other."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator

import pytest

from schemas.apath import default_model_text
from streams.beside.wire import NAME, where
from tests.cli.conftest import Journey, event
from tests.collector.server import Collector
from tests.fixtures.commands import JOURNEY, Command, run
from tests.fixtures.directories import with_evening
from tests.fixtures.servers.process import wait_until

AT = "2026-10-17T23:59:00+02:00"
ANN = "social:instagram:ann.l"
SLOW = "SELECT sleepEachRow(1) FROM numbers(600) SETTINGS max_block_size = 1"
# What differs between two runs: receipts, seconds, instants of now.
PASSING = re.compile(
    r'receipt [0-9a-f]{32}|"receipt": "[0-9a-f]{32}"|· [\d,]+ events/s|"(seconds|events_per_second|elapsed)": [\d.]+'
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00)?"
)
READING = [
    ("stages", "--brand", "lumiere", "--at", AT),
    ("explain", ANN, "--brand", "lumiere", "--at", AT, "--json"),
    ("explain", "email:nobody@example.org", "--brand", "lumiere"),
    ("cascades", "show", "ann-share", "--json"),
    ("cookbook", "run", "zombie_content"),
    ("identity", "show", ANN, "--json"),
    ("dead-letters", "list", "--json"),
    ("alerts", "list", "--json"),
    ("model", "show"),
    ("whatif", "schemas/apath.toml"),
    ("spikes", "backtest", "--brand", "lumiere", "--from", "2026-10-17T00:00:00Z"),
    ("sql", "SELECT id, time, handles FROM interactions ORDER BY time LIMIT 2"),
    ("sql", "SELECT 1 AS one SETTINGS output_format_write_statistics = 0 -- all", "--format", "JSON"),
    ("sql", "SELECT 'a;\n b' FORMAT CSV", "--format", "TSV"),
    ("sql", "SELECT throwIf(number = 70000) FROM numbers(100000)", "--format", "TSV"),
    ("sql", "SELECT nope FROM interactions"),
    ("forget", ANN, "--dry-run", "--json"),
    ("verify",),
]


class Both:
    """The same command beside `journey up`, and alone on a copy of its directory."""

    def __init__(self, beside: Journey, alone: Journey) -> None:
        self.beside, self.alone = beside, alone

    def same(self, *words: str) -> str:
        """Run both, and return what they print, which is the same, and so is the exit status."""
        told = []
        for each in (self.alone, self.beside):
            code = each.status(*words)
            told.append((code, PASSING.sub("…", each.printed), PASSING.sub("…", each.errors)))
        assert told[0] == told[1], (words, told)
        return self.beside.printed


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[Collector]:
    """`journey up` on a directory with an evening and refused events, below a path that is long for a socket."""
    folder = tmp_path_factory.mktemp("beside") / ("a-folder-with-a-long-name-" * 4)
    folder.mkdir()
    lines = [json.dumps(event(1)), '{"id": 1}', "nonsense", json.dumps(event(2, data=1))]
    (folder / "refused.ndjson").write_text("\n".join(lines))
    data = folder / "data"
    run([JOURNEY, "load", folder / "refused.ndjson", "--data", with_evening(data)], check=True)
    shutil.copytree(data, folder / "alone", symlinks=True)
    with socket.socket(socket.AF_UNIX) as left, where(data) as address:  # by one that was killed
        left.bind(address)
    collector = Collector(folder, JOURNEY_HANDLE_KEY="")
    (folder / "key").write_text(collector.key("shop"))
    yield collector.start()
    collector.kill()


@pytest.fixture
def key(up) -> str:
    return (up.folder / "key").read_text()


@pytest.fixture
def both(up, capfd, monkeypatch) -> Both:
    return Both(Journey(up.data, capfd, monkeypatch), Journey(up.folder / "alone", capfd, monkeypatch))


def test_whoever_does_not_own_the_directory_cannot_ask(up):
    assert stat.S_IMODE((up.data / NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE((up.data / "beside").stat().st_mode) == 0o700


def test_the_engine_is_loaded_only_where_a_command_asks_one_of_its_own(up):
    script = f"""
import sys
from pathlib import Path
from streams.beside.beside import Beside
from streams.settings import Settings

for time in (1, 2):
    with Beside(Settings(Path({str(up.data)!r}))) as shell:
        print(shell.store.rows("SELECT count() > 0 AS some FROM interactions"), "chdb" in sys.modules)
        if time == 2:
            with shell.sources() as sources:
                print(sources.rows("SELECT count() AS tables FROM system.tables WHERE database = 'journey'"), "chdb" in sys.modules)
            print(shell.store.rows("SELECT count() > 0 AS some FROM interactions"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        *["[{'some': 1}] False"] * 2, "[{'tables': 0}] True", "[{'some': 1}]",
    ]  # fmt: skip


def test_what_reads_prints_the_same(both):
    for words in READING:
        both.same(*words)


def test_what_changes_prints_the_same_and_the_engine_goes_on_from_there(both, up, key, tmp_path):
    changed = tmp_path / "changed.toml"
    changed.write_text(
        default_model_text().replace('"social.like", weight = 0.5', '"social.like", weight = 2.5')
    )
    events = tmp_path / "events.ndjson"
    lines = [event(f"new-{n}", handles={"email": f"p{n % 3}@example.org"}) for n in range(9)]
    events.write_text("\n".join([*map(json.dumps, lines), "{", '{"id": 1}']))
    old = tmp_path / "old.ndjson"
    bought = [
        event(
            f"old-{n}",
            "store.purchase",
            "2025-02-01T12:00:00Z",
            amount=9,
            currency="EUR",
            handles={"email": f"p{n}@example.org"},
        )
        for n in range(4)
    ]
    old.write_text("\n".join(map(json.dumps, bought)))
    targets = tmp_path / "targets.tsv"
    targets.write_text("acme\taffinity\t\t2027-01-01\t7\n")
    rows = tmp_path / "rows.tsv"
    rows.write_text("from-sql\tcookie-9\n")
    select = tmp_path / "select.sql"
    select.write_text(
        "SELECT c1 AS id, 'sql' AS source, 'web.page_view' AS type, now() AS time, 'acme' AS brand, map('cookie', c2) AS handles"
        f" FROM file('{rows}', 'TSV', 'c1 String, c2 String')"
    )
    again = tmp_path / "again.sql"
    again.write_text(
        "SELECT 'of ' || id AS id, source, type, time, brand, map('cookie', 'x') AS handles FROM interactions WHERE brand = 'acme'"
    )
    into = "INSERT INTO targets (brand, stage, channel, due, customers) FROM INFILE"
    for words in [
        ("load", str(events), "--json"),
        ("load", "--sql", str(select), "--json"),
        ("load", "--sql", str(again), "--json"),
        ("load", str(tmp_path / "nowhere")),
        ("dead-letters", "list"),
        ("dead-letters", "replay", "--json"),
        ("dead-letters", "drop", "--reason", "not_json", "--json"),
        ("identity", "unlink", ANN, "cookie:c-4f21a9d07b"),
        ("identity", "unlink", ANN, "cookie:none"),
        ("identity", "link", ANN, "cookie:c-4f21a9d07b", "--json"),
        ("sql", f"{into} '{targets}' FORMAT TSV"),
        ("sql", "SELECT brand, customers FROM targets"),
        ("sql", "DELETE FROM stage_changes WHERE brand = 'acme'"),
        ("verify", "--json"),
        ("model", "apply", str(changed), "--json"),
        ("consent", "deny", "email:p0@example.org", "--json"),
        ("consent", "grant", "email:p0@example.org"),
        ("forget", "email:p1@example.org", "--json"),
        ("load", str(old), "--json"),
        ("retention", "set", "--brand", "nobody", "--months", "3"),
        ("retention", "set", "--brand", "acme", "--months", "3", "--json"),
        ("retention", "run", "--dry-run"),
        ("retention", "run", "--json"),
        ("retention", "run"),
        ("retention", "show", "--json"),
        ("stages", "--brand", "acme", "--at", "2025-06-01"),
        ("load", str(old), "--json"),
        ("explain", "email:p3@example.org", "--brand", "acme"),
        ("retention", "handles", "--months", "6", "--json"),
        ("retention", "show"),
        ("retention", "run", "--json"),
        ("explain", "email:p3@example.org", "--brand", "acme"),
        ("rebuild", "--json"),
        ("stages", "--brand", "acme"),
        ("verify",),
    ]:
        both.same(*words)

    like = event("like", "social.like", brand="lumiere", handles={"email": "p9@example.org"})
    assert up.send(like | {"time": "2026-11-02T12:00:00Z"}, key).status == 202
    assert "affinity  2.4" in both.beside(
        "explain", "email:p9@example.org", "--brand", "lumiere", "--at", "2026-11-03T12:00:00Z"
    )
    for each in (both.beside, both.alone):
        each("keys", "rotate")
    more = event("more", brand="lumiere", handles={"email": "p9@example.org", "cookie": "c-9"})
    assert up.send(more, key).status == 202
    assert len(both.beside.json("identity", "show", "cookie:c-9")["handles"]) == 2
    assert "2 touches" in both.beside("explain", "cookie:c-9", "--brand", "lumiere")
    assert both.beside.json("dead-letters", "list", "--reason", "unknown_key")["reasons"] == []
    assert "all figures recompute" in both.beside("verify")
    status = both.beside.json("status")
    assert status["process"] == up.pid
    assert (status["frames_waiting"], status["degraded"]) == (0, [])
    assert [one["command"].split()[0] for one in status["commands"]] == ["status"]
    alone = both.alone.json("status")
    assert (alone["process"], alone["commands"], alone["frames_waiting"]) == (None, [], 0)


def start(up: Collector, *words: str, **more: str) -> "subprocess.Popen[str]":
    return Command(
        [JOURNEY, *words, "--data", up.data],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | more,
    )


def slow_ones(journey: Journey) -> int:
    rows = journey.rows("SELECT count() AS n FROM system.processes WHERE query LIKE 'SELECT sleepEachRow%'")
    return int(rows[0]["n"])


def test_commands_at_once_and_one_that_takes_its_answer_slowly_hold_up_nobody_and_one_that_is_killed_is_ended(
    both, up, key
):
    slow = start(up, "sql", SLOW, "--format", "TSV")
    # Nobody reads what this one prints.
    full = start(up, "sql", "SELECT number, repeat('x', 1000) FROM numbers(100000)", "--format", "TSV")
    wait_until(lambda: slow_ones(both.beside) == 1, 60, "the slow statement to run")
    assert {one["command"].split()[0] for one in both.beside.json("status")["commands"]} >= {"sql", "status"}
    assert up.send(event("meanwhile", brand="lumiere", handles={"cookie": "m"}), key).status == 202
    found = both.beside.rows("SELECT count() AS n FROM interactions WHERE id = 'e-meanwhile'")
    assert found == [{"n": 1}]
    slow.kill()
    full.kill()
    wait_until(lambda: slow_ones(both.beside) == 0, 60, "its statement to end")
    for child in (slow, full):
        child.communicate()
    interrupted = start(up, "sql", SLOW, "--format", "TSV")
    wait_until(lambda: slow_ones(both.beside) == 1, 60, "the slow statement to run")
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    wait_until(lambda: slow_ones(both.beside) == 0, 60, "its statement to end")


def test_another_version_and_what_is_no_command_are_refused(both, up, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("streams.beside.beside.version", lambda: "9.9")
        assert both.beside.status("sql", "SELECT 1") == 2
        assert "this is 9.9: start that one again" in both.beside.errors
    for junk in (b"GET / HTTP/1.1\r\n\r\n" * 9, b"\xff" * 64, b"\0" * 12 + b"[]", b""):
        with socket.socket(socket.AF_UNIX) as client, where(up.data) as address:
            client.connect(address)
            client.sendall(junk)
    assert both.beside.rows("SELECT 1 AS one") == [{"one": 1}]
    assert both.beside.status("alerts", "watch") == 2
    assert "journey up --alerts" in both.beside.errors
    assert both.beside.status("up") == 2
    assert f"in use by process {up.pid}" in both.beside.errors


def test_handles_become_what_the_process_makes_of_them_whatever_region_a_command_is_set_to(
    both, up, key, tmp_path, monkeypatch
):
    written = (up.data / "rules").read_bytes()
    national = {"phone": "06 39 98 77 50"}
    assert up.send(event("over-http", brand="lumiere", handles=national), key).status == 202
    (tmp_path / "national.ndjson").write_text(json.dumps(event("by-load", brand="lumiere", handles=national)))
    monkeypatch.setenv("JOURNEY_PHONE_REGION", "FR")
    both.beside("load", str(tmp_path / "national.ndjson"))
    assert both.beside.rows(
        "SELECT count() AS events, uniqExact(handle) AS handles FROM interactions WHERE id IN ('e-over-http', 'e-by-load')"
    ) == [{"events": 2, "handles": 1}]
    assert (up.data / "rules").read_bytes() == written


def test_when_the_process_is_killed_commands_say_so_in_a_line_and_nothing_is_lost(both, up, key):
    assert up.send(event("last", brand="lumiere", handles={"cookie": "l"}), key).status == 202
    slow = start(up, "sql", SLOW, "--format", "TSV")
    wait_until(lambda: slow_ones(both.beside) == 1, 60, "the slow statement to run")
    os.kill(up.pid, signal.SIGKILL)
    printed, errors = slow.communicate(timeout=60)
    assert (slow.returncode, printed) == (2, "")
    assert re.fullmatch(rf"journey: process {up.pid}, which had \S+ open, has ended; .*\n", errors)
    assert both.beside.rows("SELECT count() AS n FROM interactions WHERE id = 'e-last'") == [{"n": 1}]
    assert "all figures recompute" in both.beside("verify")


def test_a_kill_while_a_state_is_copied_leaves_nothing_behind(tmp_path, capfd, monkeypatch):
    journey = Journey(with_evening(tmp_path / "data"), capfd, monkeypatch)
    up = Collector(tmp_path, JOURNEY_HANDLE_KEY="", JOURNEY_FAULT="scratch.fill.after:3").start()
    try:
        assert journey.status("verify") == 2
        assert "has ended" in journey.errors
    finally:
        up.kill()
    assert "all figures recompute" in journey("verify")
    assert "beside_" not in journey("sql", "SHOW DATABASES")


def test_commands_open_the_tables_while_a_collector_takes_events(tmp_path, capfd, monkeypatch):
    collector = Collector(tmp_path, "collector", JOURNEY_HANDLE_KEY="")
    journey = Journey(tmp_path / "data", capfd, monkeypatch)
    key = collector.key("shop")
    collector.start()
    try:
        assert collector.send(event(1), key).status == 202
        assert journey.rows("SELECT id FROM interactions") == [{"id": "e-1"}]
        assert collector.send(event(2), key).status == 202
        events = tmp_path / "three.ndjson"
        events.write_text(json.dumps(event(3)))
        assert journey.json("load", str(events))["accepted"] == 1
        assert collector.send(event(4), key).status == 202
        assert "all figures recompute" in journey("verify")
        assert [row["id"] for row in journey.rows("SELECT id FROM interactions ORDER BY id")] == [
            "e-1",
            "e-2",
            "e-3",
            "e-4",
        ]
        assert journey.json("status")["collector"] == collector.pid
        journey("forget", "cookie:c-1", "--brand", "acme")
        assert journey.status("keys", "rotate") == 2
        assert "stop it first" in journey.errors
        assert journey.status("collector") == 2
        assert f"in use by process {collector.pid}" in journey.errors
        collector.kill()
        assert journey.json("status")["collector"] is None
        assert "all figures recompute" in journey("verify")
    finally:
        collector.kill()
