"""CPU per event, from JSON records in a topic to rows in ClickHouse: ours, and other programs that do the job.

The same broker, the same store, events of the same people, one program after the other; what each does, `job` says.
Ours is the gateway, which turns records into frames, and the worker; both are shown, and what the others compare to is
their sum. CPU is user and system time of all threads over the whole life of a process, less that of one that is given
a single event. All distinct events must be in ClickHouse, and the sums of evidence must be right, for all.
"""

import secrets
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.benchmarks.cluster import report, rivals
from tests.benchmarks.cluster.answers import check, rows
from tests.benchmarks.cluster.bench import PARTITIONS, Bench, opened
from tests.benchmarks.cluster.cost import Cost, Run, measure
from tests.benchmarks.cluster.ours import measure_ours
from tests.benchmarks.cluster.process import Measured
from tests.benchmarks.cluster.rivals import RIVALS, Rival
from tests.benchmarks.cluster.sink import TABLES

__all__ = ["run"]


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
        none = measure_ours(bench, 0)
        idle = {rival.name: _rival(bench, rival, 0, python) for rival in chosen}
        done: list[list[Run]] = []
        for number in range(rounds):
            ours = measure_ours(bench, customers)
            runs = [
                Run("gateway", "our gateway: records to frames", ours.gateway, none.gateway),
                Run("worker", "our worker: frames to all tables", ours.worker, none.worker),
            ]
            for rival in chosen:
                cost = _rival(bench, rival, max(1, int(customers * rival.share)), python)
                runs.append(Run(rival.name, rival.about, cost, idle[rival.name]))
            done.append(runs)
            report.costs(number + 1, runs)
        report.ratios(done)
        report.capacity(done, bench.month(customers), ours, none)


def _available(wanted: Sequence[Rival]) -> tuple[list[Rival], Path]:
    python, reasons = rivals.installed() if wanted else (Path(), {})
    for rival in wanted:
        if rival.name in reasons:
            print(f"{rival.about}: left out, since it cannot be installed: {reasons[rival.name]}")
    return [rival for rival in wanted if rival.name not in reasons], python


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
            lambda: rows(ask) >= made.events,
            made.lines,
            bench.servers,
        )
        check(rival.name, made, ask, sums=not rival.bare)
        client.command(f"DROP DATABASE {database}")
    shutil.rmtree(folder)
    return cost
