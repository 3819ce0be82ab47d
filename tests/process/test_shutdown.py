"""A process ends within five seconds of a signal, whatever it is at, and at once of a second one."""

import signal
import subprocess
import sys
import time

import pytest

BUSY = "hashlib.pbkdf2_hmac('sha256', b'', b'', 2 * 10**9)  # inside C, where no handler of Python's runs"
CLEAN = "with stopping.calling(lambda: print('asked', flush=True)):\n    stopping.asked.wait()\nsys.exit(0)"
LEFT = f"threading.Thread(target=lambda: {BUSY.partition(' #')[0]}).start()"
CHILD = """
import hashlib, sys, threading, time
from streams.process.shutdown import stopping
with stopping.installed():
    {before}
    print("ready", flush=True)
    try:
        {work}
    except SystemExit as end:
        stopping.finish(end.code)
        raise
"""


def ended(work, *signals, before="", pause_s=0.3):
    """Run some work, send signals to it, and return its status, the seconds since the first, and what it printed."""
    code = CHILD.format(work=work.replace("\n", "\n        "), before=before)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout.readline() == b"ready\n"
        time.sleep(pause_s)
        began_s = time.monotonic()
        for number in signals:
            child.send_signal(number)
            time.sleep(0.2)
        out, _ = child.communicate(timeout=20)
        return child.returncode, time.monotonic() - began_s, out.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_cannot_be_interrupted_is_ended_in_time(number):
    status, seconds, _ = ended(BUSY, number)
    assert status == 128 + number
    assert 4 < seconds < 5


def test_a_second_signal_ends_at_once():
    status, seconds, _ = ended(BUSY, signal.SIGTERM, signal.SIGINT)
    assert status == 143
    assert seconds < 1.5
    status, seconds, _ = ended(
        CLEAN.replace("asked.wait()", "asked.wait(); time.sleep(60)"), *[signal.SIGTERM] * 2
    )
    assert status == 143
    assert seconds < 1.5


def test_what_serves_until_then_ends_by_itself():
    assert ended(CLEAN, signal.SIGTERM)[::2] == (0, "asked\n")


def test_a_signal_before_it_serves_is_not_lost():
    late = "try:\n    time.sleep(60)\nexcept SystemExit:\n    pass\n" + CLEAN
    status, seconds, out = ended(late, signal.SIGTERM)
    assert (status, out) == (0, "asked\n")
    assert seconds < 4


def test_threads_that_do_not_end_are_not_waited_for_once_all_is_closed():
    status, seconds, _ = ended(CLEAN, signal.SIGTERM, before=LEFT)
    assert status == 0
    assert seconds < 2
