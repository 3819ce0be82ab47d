"""Figures as lines of text."""

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.benchmarks.cluster.cost import Run
    from tests.benchmarks.cluster.events import Month
    from tests.benchmarks.cluster.latency import Latency
    from tests.benchmarks.cluster.ours import Ours

__all__ = ["capacity", "costs", "latency", "ratios"]

_OURS = ("gateway", "worker")


def costs(number: int, runs: Sequence["Run"]) -> None:
    """Print what each program took in one round."""
    print(f"round {number}, CPU of the program and, apart, of the servers meanwhile; µs per event")
    for one in runs:
        cost = one.cost
        print(
            f"  {one.about:58} {one.us:7.1f}  ClickHouse {one.server_us('clickhouse'):5.1f}  Kafka {one.server_us('kafka'):5.1f}"
            f"  ({cost.events:,} events in {cost.seconds:.0f} s, {cost.cpu_s:.1f} s CPU; a single event {one.idle.cpu_s:.1f} s;"
            f" peak {cost.peak_mb:.0f} MB)"
        )


def ratios(rounds: Sequence[Sequence["Run"]]) -> None:
    """Print medians, and what ours took as a part of what each other took in the same round."""
    of = {one.name: one for one in rounds[0]}
    us = {name: [next(one.us for one in runs if one.name == name) for runs in rounds] for name in of}
    total = [sum(pair) for pair in zip(*(us[name] for name in _OURS), strict=True)]
    middle = statistics.median
    print(
        f"gateway {middle(us['gateway']):.1f} + worker {middle(us['worker']):.1f} = {middle(total):.1f} µs CPU per event"
        f" (median of {len(rounds)})"
    )
    for name, values in us.items():
        if name not in _OURS:
            parts = [mine / theirs for mine, theirs in zip(total, values, strict=True)]
            worker = [mine / theirs for mine, theirs in zip(us["worker"], values, strict=True)]
            print(
                f"  {of[name].about:58} {middle(values):7.1f} µs: ours takes {middle(parts):.3f} of it"
                f" (min {min(parts):.3f}, max {max(parts):.3f}; the worker alone {middle(worker):.3f})"
            )


def capacity(rounds: Sequence[Sequence["Run"]], made: "Month", ours: "Ours", none: "Ours") -> None:
    """Print what a deployment of ours takes per event and per handle; `none` had a single event."""
    gateway, worker = rounds[-1][:2]
    servers = [
        f"{name} {gateway.server_us(name.lower()):.1f} and {worker.server_us(name.lower()):.1f}"
        for name in ("ClickHouse", "Kafka")
    ]
    print(
        f"capacity, µs CPU per event at full speed: gateway {gateway.us:.1f}, worker {worker.us:.1f}; meanwhile "
        + ", ".join(servers)
    )
    sizes = sorted(ours.sizes.items(), key=lambda item: -item[1])
    print(
        f"  ClickHouse, merged: {sum(ours.sizes.values()) / made.events:.0f} bytes per event ("
        + ", ".join(f"{table} {size / made.events:.1f}" for table, size in sizes)
        + ")"
    )
    grown = (ours.restored_mb - none.restored_mb) * 2**20
    print(
        f"  a worker started anew: {ours.restored_mb:.0f} MB after {ours.restored_s:.1f} s, with {ours.handles:,} handles"
        f" and the ids of the last week of {made.events:,} events; with nothing {none.restored_mb:.0f} MB after"
        f" {none.restored_s:.1f} s: {grown / ours.handles:.0f} bytes per handle, ids and all"
    )


def latency(found: "Latency") -> None:
    """Print how long marked events took to be seen."""
    print(
        f"latency at {found.rate:,.0f} events/s, {found.workers} worker{'s' * (found.workers > 1)}, milliseconds from publish"
        " to an answer that has it"
    )
    print(
        f"  in evidence: {_quantiles(found.evidence)}; a question takes {_quantiles(found.evidence_question)}"
    )
    print(
        f"  in journeys: {_quantiles(found.journeys)}; a question takes {_quantiles(found.journeys_question)}"
    )
    shares = ", ".join(f"{name} {share * 1e6 / found.rate:.0f}" for name, share in found.cpu.items())
    print(f"  µs CPU per event at this rate: {shares}; a worker's memory {found.rss_mb:.0f} MB")


def _quantiles(values: np.ndarray) -> str:
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} (n = {len(values)})"
