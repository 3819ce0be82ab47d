"""A process ends with its status, and says what it has to say, though a thread does not end."""

import subprocess
import sys
import threading
import time

import pytest

from streams.process.degraded import Degraded
from streams.process.stuck_threads import Stuck

PROGRAM = """
import ctypes, sys, threading
from streams.process.stuck_threads import STUCK, ended_in_any_case
def stuck():
    ctypes.CDLL(None).sleep(600)
thread = threading.Thread(target=stuck, daemon=False)
with ended_in_any_case():
    if {stuck}:
        thread.start()
        STUCK.add(thread, "it sleeps")
    sys.stdout.write("said")
    {end}
"""


@pytest.mark.parametrize("stuck", [True, False])
@pytest.mark.parametrize(
    ("end", "status", "words"),
    [
        ("pass", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(2)", 2, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('no')", 1, "no\n"),
        ("raise RuntimeError('broken')", 1, "RuntimeError: broken\n"),
    ],
)
def test_the_status_is_that_of_what_was_run_and_nothing_said_is_lost(stuck, end, status, words):
    began = time.monotonic()
    program = PROGRAM.format(stuck=stuck, end=end)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (status, "said")
    assert done.stderr.endswith(words)
    assert bool(done.stderr) == bool(words)
    assert time.monotonic() - began < 30


def test_health_is_told_what_is_stuck_from_before_and_from_then_on(request):
    stuck, degraded, over = Stuck(), Degraded(), threading.Event()
    request.addfinalizer(over.set)
    first, second = (threading.Thread(target=over.wait, daemon=True) for _ in range(2))
    first.start()
    second.start()
    stuck.add(first, "one")
    stuck.tell(degraded)
    stuck.add(second, "two")
    assert degraded.sentences() == stuck.sentences() == ["one", "two"]
    stuck.ended(first)
    assert degraded.sentences() == ["two"]
    over.set()
    second.join()
    assert stuck.sentences() == []
