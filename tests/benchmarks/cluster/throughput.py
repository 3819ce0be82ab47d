"""CPU per event, from JSON records in a topic to rows in ClickHouse: ours, and other programs that do the job.

The same broker, the same store, events of the same people, one program after the other; what each does, `job` says.
Ours is the gateway, which turns records into frames, and the worker; both are shown, and what the others compare to is
their sum. CPU is user and system time of all threads over the whole life of a process, less that of one that is given
a single event. All distinct events must be in ClickHouse, and the sums of evidence must be right, for all.
"""

import math
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.benchmarks.cluster import report, rivals
from tests.benchmarks.cluster.bench import PARTITIONS, Bench, opened
from tests.benchmarks.cluster.cost import Cost, Run, measure
from tests.benchmarks.cluster.events import Month, send
from tests.benchmarks.cluster.process import Measured
from tests.benchmarks.cluster.rivals import RIVALS, Rival
from tests.benchmarks.cluster.sink import TABLES
from tests.cluster.deployment import JOURNEY

__all__ = ["run"]

_COUNT = "SELECT count() FROM interactions"
_DISTINCT = "SELECT count(), uniqExact(event) FROM interactions"
_SUMS = (
    "SELECT sum(attention), sum(attraction), sum(affinity), sum(audience), sum(advocacy) FROM evidence FINAL"
)
_MERGED = (
    "interactions",
    "evidence",
    "identity_map",
    "identity_links",
    "minute_counts",
    "stage_changes",
    "deliveries",
)


class WrongAnswerError(RuntimeError):
    """A program did not do the job: rows are missing or doubled, or its sums are others."""


def run(folder: Path, customers: int, rounds: int, only: Sequence[str] = ()) -> None:
    """Measure each program in turn, as many times as there are rounds, and print what they took.

    Parameters
    ----------
    customers
        People in the month that ours is given, about 28 events each; others are given a part of it.
    only
        Names of the others that are wanted, all without any.
    """
    chosen, python = _available([rival for rival in RIVALS if not only or rival.name in only])
    with opened(folder) as bench:
        gateway, worker, _ = _ours(bench, 0)
        idle = {rival.name: _rival(bench, rival, 0, python) for rival in chosen}
        rows: list[list[Run]] = []
        for number in range(rounds):
            ours = _ours(bench, customers)
            runs = [
                Run("gateway", "our gateway: records to frames", ours[0], gateway),
                Run("worker", "our worker: frames to all tables", ours[1], worker),
            ]
            for rival in chosen:
                cost = _rival(bench, rival, max(1, int(customers * rival.share)), python)
                runs.append(Run(rival.name, rival.about, cost, idle[rival.name]))
            rows.append(runs)
            report.costs(number + 1, runs)
        report.ratios(rows)
        report.capacity(rows, bench.month(customers), ours[2])


def _available(chosen: Sequence[Rival]) -> tuple[Sequence[Rival], Path]:
    try:
        return chosen, rivals.interpreter() if chosen else Path()
    except rivals.Unavailable as reason:
        print(f"the other programs are left out, since their packages cannot be installed: {reason}")
        return [], Path()


def _ours(bench: Bench, customers: int) -> tuple[Cost, Cost, dict[str, float]]:
    """Return what gateway and worker took, and bytes on disk by table once merged."""
    made, deployment = bench.month(customers), bench.deployment()
    send(made, deployment.kafka)
    with closing(deployment.store()) as store:

        def ask(sql: str) -> Sequence[Sequence[Any]]:
            return store.query(sql, {})

        def cost(command: str, done: Callable[[], bool]) -> Cost:
            words, log = [JOURNEY, command], bench.folder / f"{command}.log"
            return measure(
                lambda: Measured(words, deployment.environment, log), done, made.lines, bench.servers
            )

        gateway = cost("gateway", lambda: not deployment.behind().keys() - {"interactions"})
        worker = cost("worker", lambda: ask(_COUNT)[0][0] >= made.events and not deployment.behind())
        _check("ours", made, ask)
        for table in _MERGED:
            store.client.command(f"OPTIMIZE TABLE {table} FINAL")
        sizes = ask(
            "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table"
        )
    return gateway, worker, {str(table): float(size) for table, size in sizes if table in _MERGED}


def _rival(bench: Bench, rival: Rival, customers: int, python: Path) -> Cost:
    made, group = bench.month(customers), f"{rival.name}-{secrets.token_hex(4)}"
    dsn, folder = bench.clickhouse.fresh_database(), bench.folder / group
    database = dsn.rsplit("/", 1)[1]
    folder.mkdir()
    if rival.tables:
        bench.make(*[f"{group}-{table}-changelog" for table in rival.tables], cleanup_policy="compact,delete")
    places = {
        "kafka": bench.kafka.servers,
        "dsn": dsn,
        "topic": bench.topic(made),
        "group": group,
        "folder": folder,
    }
    environment = rivals.environment(rival, partitions=PARTITIONS, **places)
    words = [python, "-m", f"tests.benchmarks.cluster.{rival.module}", *rival.words]
    with closing(bench.clickhouse.client()) as client:
        client.command(f"CREATE DATABASE {database}")
        client.database = database

        def ask(sql: str) -> Sequence[Sequence[Any]]:
            return client.query(sql).result_rows

        for table in TABLES:
            client.command(table)
        cost = measure(
            lambda: Measured(words, environment, folder / "log"),
            lambda: ask(_COUNT)[0][0] >= made.events,
            made.lines,
            bench.servers,
        )
        _check(rival.name, made, ask, sums=not rival.bare)
        client.command(f"DROP DATABASE {database}")
    shutil.rmtree(folder)
    return cost


def _check(
    name: str, made: Month, ask: Callable[[str], Sequence[Sequence[Any]]], *, sums: bool = True
) -> None:
    counts = ask(_DISTINCT)[0]
    if tuple(counts) != (made.events, made.events):
        raise WrongAnswerError(f"{name}: {counts[0]} rows of {counts[1]} events, not {made.events}")
    found = [value or 0.0 for value in ask(_SUMS)[0]]
    if sums and not all(math.isclose(*pair, rel_tol=1e-9) for pair in zip(found, made.sums, strict=True)):
        raise WrongAnswerError(f"{name}: sums of evidence are {found}, not {made.sums}")
