"""CPU per event of `journey load`, next to the bare engine's INSERT of the same bytes, as whole processes in pairs."""

import os
import shutil
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from streams.inputs.simulate import simulate, write

JOURNEY = Path(sys.executable).with_name("journey")

TYPED = """Tuple(brand LowCardinality(String), handles Map(String, String), content String, product String,
    place LowCardinality(String), campaign LowCardinality(String), device LowCardinality(String),
    amount Nullable(Float64), currency LowCardinality(String), rating Nullable(Float64),
    sentiment Nullable(Float64), cause String, properties String)"""

BARE = """
import sys, clickhouse_connect
client = clickhouse_connect.get_client(dsn=f"chdb://{sys.argv[1]}")
client.command(f'''
    CREATE TABLE events (specversion String, id String, source LowCardinality(String), type LowCardinality(String),
        time DateTime64(6, 'UTC'), data {sys.argv[4]})
    ENGINE = MergeTree ORDER BY (type, time)''')
client.command(f"INSERT INTO events FROM INFILE '{sys.argv[2]}' SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow")
assert client.query("SELECT count() FROM events").result_rows[0][0] == int(sys.argv[3])
"""


def month(folder: Path, customers: int) -> Path:
    """Write a simulated month and return its file."""
    path = folder / "month.ndjson"
    with path.open("wb") as file:
        events = write(
            simulate(customers=customers, days=30, seed=7, start=datetime(2026, 10, 1, tzinfo=UTC)), file
        )
    print(f"input: {events:,} events, {path.stat().st_size / events:.0f} bytes each")
    return path


def cpu_seconds(command: list[str | Path]) -> tuple[float, float]:
    """Run a process to its end; return its CPU seconds (user and system, all threads) and its peak memory in MB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"TZ": "UTC"})
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{command[0]} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def run(folder: Path, path: Path, runs: int) -> None:
    """Print CPU per event of both, and the ratio pair by pair."""
    with path.open("rb") as file:
        events = sum(1 for _ in file)
    cost: dict[str, list[float]] = {"journey": [], "typed": [], "json": []}
    memory = 0.0
    for _ in range(runs):
        for name in cost:
            shutil.rmtree(folder / name, ignore_errors=True)
        for name, data in (("typed", TYPED), ("json", "JSON")):
            seconds, _ = cpu_seconds([sys.executable, "-c", BARE, folder / name, path, str(events), data])
            cost[name].append(seconds / events * 1e6)
        seconds, memory = cpu_seconds([JOURNEY, "load", path, "--data", folder / "journey"])
        cost["journey"].append(seconds / events * 1e6)
    print(
        f"journey load, end to end     {statistics.median(cost['journey']):6.2f} µs CPU/event, peak {memory:.0f} MB"
    )
    for name, what in (("typed", "data in typed columns"), ("json", "data in a JSON column")):
        ratios = [bare / ours for bare, ours in zip(cost[name], cost["journey"], strict=True)]
        print(
            f"bare INSERT, {what}  {statistics.median(cost[name]):6.2f} µs CPU/event: "
            f"load has {statistics.median(ratios):.2f} of its speed (min {min(ratios):.2f}, max {max(ratios):.2f})"
        )
