"""One data directory: who may open it, where it is, and how settings fail."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.collector import _settings as ports_of
from streams.embedded.embedded import Embedded
from streams.environment import SettingsError
from streams.settings import Settings
from tests.cli.conftest import EVENING, event

JOURNEY = Path(sys.executable).with_name("journey")


def test_a_second_process_is_told_who_has_the_directory(tmp_path):
    with Embedded(Settings(tmp_path)):
        done = subprocess.run(
            [JOURNEY, "sql", "SELECT 1", "--data", tmp_path], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert f"in use by process {os.getpid()}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_store_can_be_named_by_a_dsn_in_the_environment(tmp_path):
    environment = os.environ | {"JOURNEY_STORE": f"chdb://{tmp_path}/here"}
    subprocess.run([JOURNEY, "load", EVENING], env=environment, check=True, capture_output=True)
    assert (tmp_path / "here" / "clickhouse").is_dir()


def test_settings_that_cannot_be_used_are_named(journey, monkeypatch):
    for name, value in {
        "JOURNEY_HANDLE_KEY": "abc",
        "JOURNEY_DURABLE": "yes",
        "JOURNEY_ID_WINDOW_DAYS": "-1",
    }.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            journey("sql", "SELECT 1", code=2)
            assert name in journey.errors
    done = subprocess.run(
        [JOURNEY, "sql", "SELECT 1"],
        env=os.environ | {"JOURNEY_STORE": "http://x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "JOURNEY_STORE" in done.stderr


def test_the_handle_key_is_its_owners_only_and_raw_handles_are_nowhere_on_disk(journey, write):
    journey(
        "load", str(write(event(1, handles={"email": "planted.person@example.com", "phone": "+33611223344"})))
    )
    assert stat.S_IMODE((journey.data / "handle.key").stat().st_mode) == 0o600
    for path in journey.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"planted.person" not in content, path
            assert b"33611223344" not in content, path


def test_a_damaged_handle_key_takes_nothing_since_every_handle_would_be_another_and_can_be_read_without(
    journey, write
):
    events = str(write(event(1)))
    journey("load", events)
    for damaged in ("", "abc", "0" * 63, "0" * 62 + "zz"):
        (journey.data / "handle.key").write_text(damaged)
        journey("load", events, code=2)
        (line,) = journey.errors.splitlines()
        assert "handle.key is damaged: it must be 64 hex digits" in line
        assert journey.rows("SELECT count() AS n FROM interactions") == [{"n": 1}]
        assert "handle.key is damaged" in journey.errors
    (journey.data / "handle.key").unlink()
    journey("load", events, code=2)
    assert "handle.key is lost" in journey.errors
    assert "all figures recompute" in journey("verify")
    assert not (journey.data / "handle.key").exists()
    (journey.data / "handle.key").mkdir()
    journey("load", events, code=2)
    assert "handle.key cannot be read: Is a directory" in journey.errors


def test_the_durable_profile_reaches_log_and_tables(journey, write, monkeypatch):
    monkeypatch.setenv("JOURNEY_DURABLE", "1")
    assert journey.json("load", str(write(event(1))))["accepted"] == 1
    created = journey.rows(
        "SELECT create_table_query AS q FROM system.tables WHERE database = 'journey' AND name = 'interactions'"
    )
    assert "fsync_after_insert = 1" in created[0]["q"]


def test_a_log_that_was_lost_is_not_mistaken_for_the_old_one(journey, write):
    journey("load", str(write(*[event(i) for i in range(5)])))
    for path in journey.data.glob("log.sqlite*"):
        path.unlink()
    assert journey.json("load", str(write(*[event(i) for i in range(3, 8)])))["accepted"] == 3
    assert journey.rows("SELECT count() AS n FROM interactions") == [{"n": 8}]
    assert journey.json("verify")["ok"]


def test_a_port_that_is_given_wins_over_its_setting(tmp_path, monkeypatch):
    for name in ("JOURNEY_COLLECTOR_PORT", "JOURNEY_SQL_PORT", "JOURNEY_WEB_PORT"):
        monkeypatch.setenv(name, "1234")
    read = ports_of(tmp_path, JOURNEY_COLLECTOR_PORT="8181", JOURNEY_SQL_PORT="off", JOURNEY_WEB_PORT=None)
    assert (read.collector.port, read.sql.port, read.worker.web_port) == (8181, None, 1234)
    with pytest.raises(SettingsError, match="JOURNEY_COLLECTOR_PORT = 'x': must be a port"):
        ports_of(tmp_path, JOURNEY_COLLECTOR_PORT="x")
