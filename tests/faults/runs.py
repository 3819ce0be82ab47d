"""Starting children, killing them, and comparing what they leave behind."""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import sleep

from tests.fixtures import commands

KILLED = -9
RECENT, AHEAD = "web.referral_converted", "web.sign_up"
TIMEOUT_S = 120
FILE_FRAMES = (
    30  # of the file that is loaded: ten batches, of which a process is killed in the second at the latest
)
# Children that nobody talks to are forked from a process that has loaded everything: a third of each one's time.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.preload"])


def _task(do: str, data: Path, **more) -> dict:
    return {"do": do, "data": str(data)} | {
        name: str(v) if isinstance(v, Path) else v for name, v in more.items()
    }


def _work(task: dict, errors: Path) -> None:
    """Do a task in a child, with what it says on stderr in a file."""
    from tests.faults import child  # noqa: PLC0415 - it is there already

    with errors.open("wb") as file:
        os.dup2(file.fileno(), 2)
    getattr(child, task["do"])(task)


def start(do: str, data: Path, **more) -> subprocess.Popen:
    task = _task(do, data, **more)
    command = [sys.executable, str(Path(__file__).with_name("child.py")), json.dumps(task)]
    return commands.Command(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(do: str, data: Path, **more):
    """Run a child to its end; return what it told, or None when it was killed."""
    tell, errors = data.with_suffix(".json"), data.with_suffix(".errors")
    tell.unlink(missing_ok=True)
    child = _FORKS.Process(target=_work, args=(_task(do, data, tell=tell, **more), errors))
    child.start()
    child.join(TIMEOUT_S)
    if child.exitcode is None:
        child.kill()
        raise TimeoutError(f"{do} has not ended after {TIMEOUT_S} s")
    if child.exitcode == KILLED:
        return None
    assert child.exitcode == 0, errors.read_text(errors="replace")
    return json.loads(tell.read_text(encoding="utf-8")) if tell.exists() else {}


def kill_after(
    seconds: float, do: str, data: Path, *, once_open: bool, strike: Callable[[], None] = lambda: None, **more
) -> None:
    """Start a child and kill it after a while, counted from its start or from when it has opened the directory.

    `strike` is called a moment before.
    """
    child = start(do, data, **more)
    if once_open:
        assert child.stdout.readline() == b"open\n", child.communicate()[1].decode()
    sleep(seconds)
    assert child.poll() is None, child.communicate()[1].decode()
    strike()
    child.kill()
    child.communicate(timeout=TIMEOUT_S)


def kill_at_each(points, data: Path, file: Path, **more):
    """Kill a child at each of these (point, hits) in turn, on one directory; let the last one finish.

    A point that a child does not come to is an error: then it was not tested.
    """
    for point, hits in points:
        assert run("load", data, input=file, arm=[point, hits], **more) is None, (
            f"{point} was not passed {hits} times"
        )
    return run("load", data, input=file, **more)


def kill_at_random(seed: int, kills: int, data: Path):
    """Load without end under kills at random times; return what the audit says."""
    random, ledger = Random(seed), data.with_suffix(".ledger")
    for _ in range(kills):
        once_open = random.random() < 0.7
        kill_after(
            random.uniform(0, 1 if once_open else 3), "endless", data, once_open=once_open, ledger=ledger
        )
    ledger.touch()
    return run("audit", data, ledger=ledger)


def history(frames: int) -> bytes:
    """Return lines, six a frame, so that every frame has rows for every table."""
    lines = []
    for i in range(frames):
        person = {"email": f"p{i}@example.org"}
        lines += [
            event(f"brought{i}", RECENT, i, person),
            event(
                f"buy{i}", "web.purchase", i, person | {"cookie": f"c{i}"}, amount=12.5 + i, currency="EUR"
            ),
            event(f"view{i}", "web.page_view", i, {"cookie": f"c{i // 2}"}),
            event(
                f"buy{i // 3}",
                "web.purchase",
                i // 3,
                {"email": f"p{i // 3}@example.org", "cookie": f"c{i // 3}"},
            ),
            event(
                f"part{i}",
                "identity.unlink" if i % 4 else "identity.link",
                i,
                person | {"cookie": f"c{i // 5}"},
            ),
            b'{"id": "broken %d"}' % i if i % 10 else event(f"ahead{i}", AHEAD, i, person),
        ]
    return b"\n".join(lines)


def event(name: str, type_: str, day: int, handles: dict, **more) -> bytes:
    at = f"2026-0{1 + day % 5}-{1 + day % 28:02}T12:00:00Z"
    if type_ == RECENT:
        at = "2026-06-04T12:00:00Z"  # so that it makes a stage and is announced
    if type_ == AHEAD:
        at = "2026-06-10T12:00:00Z"  # days ahead of the clock: a dead letter, until that day
    data = {"brand": "maison", "handles": handles} | more
    return json.dumps({"id": name, "source": "shop", "type": type_, "time": at, "data": data}).encode()
