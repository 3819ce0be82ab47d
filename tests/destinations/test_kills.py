"""Killed at a write, the next process goes on from there: nobody is left out, a repeat has its id, and no half file is there."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from streams.destinations.config import parse
from streams.destinations.writing import WriteError, write
from tests.alerts.receiver import listening
from tests.destinations.child import PEOPLE
from tests.fixtures.directories import with_tables
from tests.fixtures.servers.process import Process, free_port, listens

CHILD = Path(__file__).with_name("child.py")


def run(tmp_path, text, *arms):
    """Run the child once for each point at which it is killed, and then to its end."""
    (file := tmp_path / "audiences.toml").write_text(text)
    task = {"data": str(with_tables(tmp_path / "data")), "file": str(file)}
    for arm, code in [*((arm, -signal.SIGKILL) for arm in arms), (None, 0)]:
        words = [sys.executable, str(CHILD), json.dumps(task | {"arm": arm})]
        done = subprocess.run(words, capture_output=True, timeout=120, check=False)
        assert done.returncode == code, done.stderr.decode()[-3000:]


@pytest.mark.parametrize("point", ["before", "after"])
def test_killed_between_sending_and_keeping_it_sends_again_under_the_same_ids(tmp_path, point):
    with listening() as receiver:
        run(
            tmp_path,
            f'[[destination]]\nname = "cdp"\nkind = "segment"\naudiences = ["a"]\nurl = "http://127.0.0.1:{receiver.port}"\nprivate = true\nwrite_key = "$KEY"\n',
            [f"insert.feed_positions.{point}", 1],  # where it begins
            [f"insert.feed_positions.{point}", 2 if point == "before" else 1],
        )
    sent = [call["messageId"] for one in receiver.accepted for call in one.json["batch"]]
    assert len(set(sent)) == 2 * PEOPLE
    assert sent[: 2 * PEOPLE] == list(dict.fromkeys(sent)), "in order"


@pytest.mark.parametrize(
    "point", ["destination.rename.before", "destination.rename.after", "insert.feed_positions.before"]
)
def test_a_file_is_there_whole_or_not_at_all_wherever_it_is_killed(tmp_path, point):
    text = f'[[destination]]\nname = "dwh"\nkind = "file"\naudiences = ["a"]\npath = "{tmp_path}/a.csv"\n'
    (tmp_path / "a.csv").write_text("whole")
    run(tmp_path, text, [point, 1])
    with (tmp_path / "a.csv").open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == PEOPLE
    assert not (tmp_path / ".a.csv.part").exists()


@pytest.mark.parametrize("point", ["before", "after"])
def test_an_object_is_put_again_after_a_kill(tmp_path, point):
    port = free_port()
    server = Process("moto", tmp_path / "moto.log")
    server.start(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], lambda: listens(port)
    )
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}/bucket-of-acme", method="PUT")):
            pass
        text = f'[[destination]]\nname = "lake"\nkind = "s3"\naudiences = ["a"]\nbucket = "bucket-of-acme"\nkey = "a.csv"\nendpoint = "http://127.0.0.1:{port}"\nprivate = true\nregion = "eu-west-1"\naccess_key = "$A"\nsecret_key = "$S"\n'
        run(tmp_path, text, [f"destination.put.{point}", 1])
        with urlopen(f"http://127.0.0.1:{port}/bucket-of-acme/a.csv") as answer:
            assert len(list(csv.DictReader(answer.read().decode().splitlines()))) == PEOPLE
    finally:
        server.kill()


SCRIPT = """
mount -t tmpfs -o size=64k tmpfs "$1" || exit 77
"$2" "$3" "$4" "$1" && mount -o remount,ro "$1" && "$2" "$3" "$4" "$1" read-only
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.geteuid() != 0, reason="mounts a small disk as root"
)
def test_a_disk_that_is_full_or_read_only_leaves_the_file_that_was_there(tmp_path):
    (disk := tmp_path / "disk").mkdir()
    (file := tmp_path / "a.toml").write_text(
        f'[[destination]]\nname = "dwh"\nkind = "file"\naudiences = ["a"]\npath = "{disk}/a.csv"\n'
    )
    words = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", disk, sys.executable, __file__, file]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    if done.returncode == 77:
        pytest.skip("mounting is not allowed here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{disk}/a.csv: No space left on device", "one", "['a.csv']",
        f"{disk}/a.csv: Read-only file system", "one", "['a.csv']",
    ]  # fmt: skip


def _full(file: Path, disk: Path, *, is_read_only: bool) -> None:
    """Write what has room, and then what has none; print what is said, and what is there."""
    (destination,) = parse(file, ["a"])[0]
    if not is_read_only:
        write(destination, "a", [b"one"])
    try:
        write(destination, "a", [b"x" * 1_000_000])
    except WriteError as error:
        print(error)
    print((disk / "a.csv").read_text())
    print([each.name for each in disk.iterdir()])


if __name__ == "__main__":
    _full(Path(sys.argv[1]), Path(sys.argv[2]), is_read_only=len(sys.argv) > 3)
