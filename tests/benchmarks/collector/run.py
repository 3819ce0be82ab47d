"""Events per second of CPU, and the time to an answer, for batches of several sizes, with fsync on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streams.inputs.simulate import simulate, write

JOURNEY = [sys.executable, "-c", "from streams.cli.main import run; run()"]
SIZES = (1, 10, 100)
CONNECTIONS = 32
GOAL = 20_000
TICKS = os.sysconf("SC_CLK_TCK")


def run(folder: Path, seconds: float) -> None:
    """Print a line for each server and size of batch."""
    start = datetime.now(UTC) - timedelta(days=31)
    file = folder / "events.ndjson"
    with file.open("wb") as out:
        write(simulate(customers=8_000, days=30, seed=7, start=start), out)
    lines = file.read_bytes().splitlines()
    print(f"{len(lines):,} events of {file.stat().st_size / len(lines):.0f} bytes, {CONNECTIONS} connections")
    print(
        f"{'server':22} {'batch':>5} {'events/s of CPU':>16} {'events/s':>9} {'p50 ms':>7} {'p99 ms':>7} {'cores':>6}"
    )
    for size in SIZES:
        for name, server in (("collector, fsync", _collector), ("bare FastAPI", _bare)):
            with server(folder / f"{name[:4]}{size}") as (url, key, pid):
                _measure(name, size, lines, url, key, pid, folder, seconds)


def _measure(
    name: str, size: int, lines: Sequence[bytes], url: str, key: str, pid: int, folder: Path, seconds: float
) -> None:
    requests = folder / "requests"
    requests.write_bytes(b"".join(_requests(lines, size, key)))
    host, port = url.removeprefix("http://").split(":")
    before = _cpu_s(pid)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.collector.client", host, port, requests, str(CONNECTIONS), str(seconds)],
        capture_output=True, check=True,
    )  # fmt: skip
    cpu_s = _cpu_s(pid) - before
    found = json.loads(done.stdout)
    took, events = sorted(found["took"]), len(found["took"]) * size
    print(
        f"{name:22} {size:5} {events / cpu_s:16,.0f} {events / found['seconds']:9,.0f}"
        f" {took[len(took) // 2] * 1000:7.1f} {took[len(took) * 99 // 100] * 1000:7.1f} {cpu_s / found['seconds']:6.2f}"
    )


def _requests(lines: Sequence[bytes], size: int, key: str) -> Iterator[bytes]:
    for first in range(0, len(lines) - size + 1, size):
        body = b"[" + b",".join(lines[first : first + size]) + b"]"
        head = (
            f"POST /v1/events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/cloudevents-batch+json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode()
        yield (len(head) + len(body)).to_bytes(4, "big") + head + body


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def _collector(data: Path) -> Iterator[tuple[str, str, int]]:
    environment = os.environ | {
        "JOURNEY_COLLECTOR_PORT": "0", "JOURNEY_WEB_PORT": "0", "JOURNEY_COLLECTOR_ADDRESS_RATE": "0", "COLUMNS": "200",
    }  # fmt: skip
    made = subprocess.run(
        [*JOURNEY, "keys", "write", "create", "bench", "--brand", "*", "--rate", "0", "--data", data],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    with subprocess.Popen(
        [*JOURNEY, "collector", "--data", data], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:  # fmt: skip
        said = process.stdout.readline()
        yield said.split()[3].removesuffix("/v1/events"), made.stdout.strip(), process.pid
        process.terminate()


@contextmanager
def _bare(_: Path) -> Iterator[tuple[str, str, int]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.collector.bare"], stdout=subprocess.PIPE, text=True
    ) as process:
        yield process.stdout.readline().strip(), "none", process.pid
        process.terminate()
