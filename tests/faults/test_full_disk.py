"""A disk that is full: nothing is acknowledged that is not there, and once there is room, all goes on."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.inputs.simulate import simulate, write

JOURNEY = Path(sys.executable).with_name("journey")

SCRIPT = """
mount -t tmpfs -o size=200m tmpfs "$1" || exit 77
"$2" load "$3" --data "$1/data" > "$4/first" 2>&1; echo $? > "$4/code"
mount -o remount,size=2g "$1"
"$2" load "$3" --data "$1/data" --json > "$4/second" && "$2" verify --data "$1/data" > "$4/verdict"
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0, reason="mounts a small disk as root"
)
def test_a_full_disk_is_a_clear_error_and_loses_nothing_that_was_accepted(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    events = tmp_path / "events.ndjson"
    with events.open("wb") as file:
        count = write(simulate(customers=100, days=10, seed=5, start=datetime(2026, 10, 1, tzinfo=UTC)), file)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", disk, JOURNEY, events, tmp_path], check=False
    )
    if done.returncode == 77:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 0
    assert (tmp_path / "code").read_text().strip() == "2"
    assert "NOT_ENOUGH_SPACE" in (tmp_path / "first").read_text()
    told = json.loads((tmp_path / "second").read_text())
    # The frames of the first try were accepted by the log, and are processed when the directory is opened again.
    assert told["input"] == count == told["duplicates"] + told["accepted"] + told["dead_letters"]
    assert "all figures recompute" in (tmp_path / "verdict").read_text()
