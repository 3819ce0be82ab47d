"""Run every benchmark and print its figures; say ratios, since machines differ and are noisy."""

import argparse
import logging
import tempfile
from pathlib import Path

from tests.benchmarks import (
    alerts,
    answers,
    breakdown,
    cascades,
    feed,
    guessing,
    load,
    mood,
    rebuild,
    restore,
    retention,
)
from tests.benchmarks.spikes import bench as spikes

ALL = (
    "load", "breakdown", "restore", "rebuild", "answers", "retention", "cascades", "spikes", "alerts", "feed", "collector", "cluster", "latency", "page",
    "guessing", "mood",
)  # fmt: skip


def main() -> None:
    """Parse the command line and run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", help=f"{', '.join(ALL)}; default: all. mood FILE.csv … measures on files"
    )
    parser.add_argument(
        "--customers", type=int, default=36_500, help="people in the simulated month (about 28 events each)"
    )
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs")
    parser.add_argument("--for-s", type=float, default=8, help="seconds for each size of batch (collector)")
    parser.add_argument(
        "--events", type=int, default=2_000_000, help="of the history that is asked (answers)"
    )
    cluster = parser.add_argument_group("cluster and latency, on servers of their own")
    cluster.add_argument("--people", type=int, default=12_000, help="in the month that the worker is given")
    cluster.add_argument("--rounds", type=int, default=1, help="of all programs, one after the other")
    cluster.add_argument("--others", nargs="*", default=(), help="programs to compare with; default: all")
    cluster.add_argument("--rate", type=float, default=5_000, help="events a second")
    cluster.add_argument("--seconds", type=float, default=60, help="that latency is looked at, after 10")
    cluster.add_argument("--workers", type=int, nargs="*", default=(1, 2), help="how many at once")
    arguments = parser.parse_args()
    files = [Path(name) for name in arguments.only if name.endswith(".csv")]
    chosen = [name for name in arguments.only if not name.endswith(".csv")] or ALL
    if "mood" in chosen:
        mood.run(files)
    with tempfile.TemporaryDirectory(prefix="journey-bench-") as folder:
        _embedded(Path(folder), chosen, arguments)
        if "collector" in chosen:
            from tests.benchmarks.collector import run as collector  # noqa: PLC0415 — with its extra

            collector.run(Path(folder), arguments.for_s)
        _distributed(Path(folder), chosen, arguments)


def _embedded(folder: Path, chosen: list[str], arguments: argparse.Namespace) -> None:
    if {"load", "breakdown", "cascades", "page"} & set(chosen):
        _of_a_month(folder, chosen, arguments)
    alone = {
        "rebuild": lambda: rebuild.run(folder),
        "answers": lambda: answers.run(folder, arguments.events),
        "restore": lambda: restore.run(folder),
        "retention": lambda: retention.run(folder),
        "guessing": guessing.run,
        "spikes": spikes.run,
        "alerts": lambda: alerts.run(folder),
        "feed": lambda: feed.run(folder),
    }
    for name, run in alone.items():
        if name in chosen:
            run()


def _of_a_month(folder: Path, chosen: list[str], arguments: argparse.Namespace) -> None:
    month = load.month(folder, arguments.customers)
    if "load" in chosen:
        load.run(folder, month, arguments.runs)
    if "breakdown" in chosen:
        breakdown.run(folder, month)
    if "cascades" in chosen:
        cascades.run(folder, month)
    if "page" in chosen:
        from tests.benchmarks import page  # noqa: PLC0415 - with a browser

        page.run(folder, month)


def _distributed(folder: Path, chosen: list[str], arguments: argparse.Namespace) -> None:
    if not {"cluster", "latency", "alerts", "feed"} & set(chosen):
        return
    from tests.benchmarks.cluster import alerts as told  # noqa: PLC0415 — as below
    from tests.benchmarks.cluster import feed as announced  # noqa: PLC0415
    from tests.benchmarks.cluster import latency, throughput  # noqa: PLC0415 — with Kafka's clients
    from tests.fixtures.servers.downloads import Unavailable  # noqa: PLC0415

    logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
    try:
        if "cluster" in chosen:
            throughput.run(folder, arguments.people, arguments.rounds, arguments.others)
        if "latency" in chosen:
            latency.run(folder, arguments.rate, arguments.seconds, arguments.workers)
        if "alerts" in chosen:
            told.run(folder)
        if "feed" in chosen:
            announced.run(folder)
    except Unavailable as reason:
        print(f"what is measured on servers is left out: {reason}")


if __name__ == "__main__":
    main()
