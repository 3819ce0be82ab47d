"""A watcher that is killed at any of its writes raises each alert once, and its receiver gets every change in order."""

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.alerts.receiver import listening
from tests.fixtures import commands

CHILD = Path(__file__).with_name("child.py")
WRITES = ("insert.alerts", "insert.alert_marks", "insert.alert_deliveries", "insert.alert_figures")
QUICK = {"insert.alerts.after", "insert.alert_deliveries.before"}
POINTS = [
    pytest.param(
        (
            f"{name}.{side}",
            2 if name == "insert.alert_deliveries" else 1,
        ),  # the first says where a receiver begins
        id=f"{name}.{side}",
        marks=() if f"{name}.{side}" in QUICK else pytest.mark.soak,
    )
    for name in WRITES
    for side in ("before", "after")
]
WHOLE = [[1, "opened", 12], [2, "acknowledged", 12], [3, "resolved", 12]]


def run(folder, **task):
    words = [
        sys.executable,
        str(CHILD),
        json.dumps({"data": str(folder / "data"), "tell": str(folder / "told")} | task),
    ]
    return commands.run(words, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    folder = tmp_path_factory.mktemp("past")
    done = run(folder, only_history=True)
    assert done.returncode == 0, done.stderr
    return folder / "data"


@pytest.mark.parametrize("point", POINTS)
def test_a_watcher_that_is_killed_and_started_again_ends_as_one_that_was_not(past, tmp_path, point):
    shutil.copytree(past, tmp_path / "data", symlinks=True)
    with listening() as receiver:
        killed = run(tmp_path, url=receiver.url, arm=point)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        whole = run(tmp_path, url=receiver.url)
        assert whole.returncode == 0, whole.stderr
    found = json.loads((tmp_path / "told").read_text())
    assert [row[:2] for row in found["alerts"]] == [row[:2] for row in WHOLE]
    assert found["alerts"] == WHOLE
    assert found["delivered"] == [[1], [2], [3]]
    came = [int(one.headers["webhook-id"].rpartition("-")[2]) for one in receiver.taken]
    assert list(dict.fromkeys(came)) == [1, 2, 3]
    assert len({one.headers["webhook-id"] for one in receiver.taken}) == 3
