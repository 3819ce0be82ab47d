"""Our own two processes, one after the other, on a deployment of their own; and what they leave behind."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.cluster.answers import check, rows
from tests.benchmarks.cluster.bench import Bench
from tests.benchmarks.cluster.cost import Cost, measure
from tests.benchmarks.cluster.events import send
from tests.benchmarks.cluster.process import Measured
from tests.fixtures.commands import JOURNEY
from tests.fixtures.servers.process import memory_mb, wait_until
from tests.real_workers.deployment import Deployment

__all__ = ["Ours", "is_open", "measure_ours"]

_MERGED = (
    "interactions", "evidence", "identity_map", "identity_links", "minute_counts", "stage_changes", "deliveries",
)  # fmt: skip
_SIZES = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table"
_LANES = 3
_TICK_S = 2.0  # after which a worker that has nothing to do has looked at all that it knows


@dataclass(frozen=True, slots=True)
class Ours:
    """What gateway and worker took; bytes on disk by table, merged; and a worker that was started anew after it.

    `handles` counts those of all kinds; `restored_s` is from the start of the process to its last open partition.
    """

    gateway: Cost
    worker: Cost
    sizes: Mapping[str, float]
    handles: int
    restored_mb: float
    restored_s: float


def measure_ours(bench: Bench, customers: int) -> Ours:
    """Run the gateway over all records, then the worker over all frames, then another worker over nothing more.

    Raises
    ------
    WrongAnswerError
        The tables have not what they must have.
    """
    made, deployment = bench.month(customers), bench.deployment()
    send(made, deployment.kafka)
    with closing(deployment.store()) as store:

        def ask(sql: str) -> Sequence[Sequence[Any]]:
            return store.query(sql, {})

        def cost(command: str, done: Callable[[], bool]) -> Cost:
            log = bench.folder / f"{command}.log"
            return measure(lambda: _started(deployment, command, log), done, made.lines, bench.servers)

        gateway = cost("gateway", lambda: not deployment.behind().keys() - {"interactions"})
        worker = cost("worker", lambda: rows(ask) >= made.events and not deployment.behind())
        check("ours", made, ask)
        for table in _MERGED:
            store.client.command(f"OPTIMIZE TABLE {table} FINAL")
        sizes = {str(table): float(size) for table, size in ask(_SIZES) if table in _MERGED}
        handles = int(ask("SELECT count() FROM customers")[0][0])
    return Ours(gateway, worker, sizes, handles, *_restored(bench, deployment))


def _started(deployment: Deployment, command: str, log: Path) -> Measured:
    return Measured([JOURNEY, command], deployment.environment, log)


def _restored(bench: Bench, deployment: Deployment) -> tuple[float, float]:
    """Return memory of a worker that has restored everything, and the seconds until it had."""
    log = bench.folder / "restored.log"
    log.unlink(missing_ok=True)
    began, worker = time.monotonic(), _started(deployment, "worker", log)
    try:
        wait_until(lambda: worker.check() or is_open(worker), 300, "a worker to have restored its state")
        seconds = time.monotonic() - began
        time.sleep(_TICK_S)
        return memory_mb(worker.pid), seconds
    finally:
        worker.kill()


def is_open(worker: Measured) -> bool:
    """Whether a worker says that the state of all of its partitions is there."""
    return worker.log.read_text(errors="replace").count("are open") >= _LANES
