"""What a test starts ends with it, also when the test is killed and what it started stands still."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.process import wait_until

_KILLED = "os.kill(os.getpid(), signal.SIGKILL)"


def _left_behind(script: str) -> tuple[str, str]:
    """Run a program that kills itself; return the process id and the folder that it printed."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pid, _, folder = done.stdout.strip().partition(" ")
    assert pid.isdigit(), done.stderr
    return pid, folder


def _assert_ends(pid: str) -> None:
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 20, "it to end")  # noqa: PTH110


@pytest.mark.usefixtures("clickhouse")
def test_servers_end_with_the_process_that_started_them() -> None:
    pid, folder = _left_behind(
        "from tests.servers.clickhouse import ClickHouse; import os, signal\n"
        "server = ClickHouse(); server.start(); server.pause()\n"
        f"print(server.pid, server.folder, flush=True); {_KILLED}"
    )
    try:
        _assert_ends(pid)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("then", ["pass", "worker.pause()"])
def test_workers_end_with_the_process_that_started_them(tmp_path: Path, then: str) -> None:
    pid, _ = _left_behind(
        "from tests.cluster.process import Process; from pathlib import Path; import os, signal, time\n"
        f"worker = Process(['sh', '-c', 'echo runs; exec sleep 100'], os.environ, Path({str(tmp_path / 'log')!r}))\n"
        f"while not worker.said('runs'): time.sleep(0.05)\n"
        f"{then}\n"
        f"print(worker._child.pid, flush=True); {_KILLED}"
    )
    _assert_ends(pid)
