"""What both shells must say of the same events: every table, but for where in the log a row came from."""

import math
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from streams.clock import system_clock
from streams.embedded.embedded import Embedded
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from tests.faults.child import TABLES as ALONE
from tests.fixtures.directories import with_tables
from tests.real_workers.deployment import KEY, Deployment

__all__ = ["assert_audit", "assert_equal", "expected"]

LETTERS = (
    "SELECT reason, topic, topic_partition, topic_offset, hex(bytes) AS bytes FROM dead_letters ORDER BY ALL"
)
TABLES = {
    "interactions": "SELECT * EXCEPT (_partition, _offset) FROM interactions ORDER BY event",
    "dead_letters": LETTERS,
    "customers": "SELECT handle, kind, customer FROM customers ORDER BY handle",
    "conflicts": "SELECT * EXCEPT (repeated_at, _partition, _offset) FROM conflicts ORDER BY ALL",
    **{name: ALONE[name] for name in ("minute_counts", "identity_links", "evidence")},
    "books": "SELECT sum(received) AS received, sum(stored) AS stored, sum(duplicates) AS duplicates,"
    " sum(dead_letters) AS dead_letters FROM deliveries",
}
STAGES = """
    SELECT brand, customer, toString(argMax(to_stage, sequence)) AS stage FROM stage_changes
    GROUP BY brand, customer HAVING stage != 'none' ORDER BY ALL
"""
SUMS = {"s1", "s2", "s3", "s4", "s5"}
_TOLERANCE = 1e-9
# What an event of weight 1 adds to a sum by now.
_UNIT = 2 ** ((system_clock() / 1e6 - 1_735_689_600) / (30 * 86_400))
_WITHIN_S = 20.0


def expected(lines: Sequence[bytes], folder: Path, *, topic: str = "test") -> dict[str, Any]:
    """Return what the embedded engine makes of these lines; stages as they are now and as they were a minute ago."""
    now_us = [system_clock() - 60_000_000]
    with Embedded(
        Settings(with_tables(folder / "embedded"), handle_key=KEY), clock=lambda: now_us[0]
    ) as engine:
        edge = engine.edge()
        engine.load(
            edge.pack(lines[first : first + 500], topic=topic, now_us=system_clock(), first_offset=first + 1)
            for first in range(0, len(lines), 500)
        )
        engine.tick()
        found = tables(engine.store)
        before = found["stages"]
        now_us[0] = system_clock()
        engine.tick()
        return found | {"stages": tables(engine.store)["stages"], "stages before": before}


def tables(store: ClickHouse, without: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {name: store.rows(sql) for name, sql in TABLES.items()}
    found["dead_letters"] = [row for row in found["dead_letters"] if row["reason"] != without]
    stages = {(row["brand"], row["customer"]): row["stage"] for row in store.rows(STAGES)}
    return found | {"stages": stages}


def assert_equal(
    deployment: Deployment, want: dict[str, Any], *, often: bool = False, without: str = ""
) -> None:
    """Compare all tables with what is expected, and let `journey verify` recompute them.

    With `often`, a line may have been received more than once, and from anywhere; `without` is a reason of dead letters
    that are left out. A lane that was restored just now may have a word to add, so differences are given a moment to go
    away.
    """
    until = time.monotonic() + _WITHIN_S
    with closing(deployment.store()) as store:
        while differences := _differences(tables(store, without), want, often=often):
            assert time.monotonic() < until, "\n".join([*differences, deployment.told()])
            time.sleep(0.5)
        (books,) = store.rows(TABLES["books"])
        assert books["received"] == books["stored"] + books["duplicates"] + books["dead_letters"]
    assert deployment.drift() == []


def _differences(found: dict[str, Any], want: dict[str, Any], *, often: bool) -> list[str]:
    told = []
    for name in TABLES:
        ours, theirs = found[name], want[name]
        if often and name == "dead_letters":
            ours, theirs = (
                sorted({(row["reason"], row["bytes"]) for row in rows}) for rows in (ours, theirs)
            )
        if often and name == "books":
            continue
        if len(ours) != len(theirs) or not all(map(_same, ours, theirs)):
            told.append(f"{name}: {len(ours)} rows and {len(theirs)}: {_first(ours, theirs)}")
    for key in found["stages"].keys() | want["stages"].keys() | want["stages before"].keys():
        stage = found["stages"].get(key)
        if stage not in {want["stages"].get(key), want["stages before"].get(key)}:
            told.append(f"stages: {key} is announced {stage}, not {want['stages'].get(key)}")
    return told


def _same(one: Any, other: Any) -> bool:
    if not isinstance(one, dict):
        return bool(one == other)
    return one.keys() == other.keys() and all(
        _near(one[k], other[k]) if k in SUMS else one[k] == other[k] for k in one
    )


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE * _UNIT)


def _first(ours: Sequence[Any], theirs: Sequence[Any]) -> str:
    for one, other in zip(ours, theirs, strict=False):
        if not _same(one, other):
            return f"{one} for {other}"
    longer = ours if len(ours) > len(theirs) else theirs
    return f"then {longer[min(len(ours), len(theirs))]}"


def assert_audit(deployment: Deployment, acknowledged: Sequence[str]) -> None:
    """Compare the store with the ids that an application wrote down, without FINAL."""
    with closing(deployment.store()) as store:
        (stored,) = store.rows(
            "SELECT count() AS events, uniqExact(id) AS ids, sum(cityHash64(id)) AS hashes FROM interactions"
        )
        (sent,) = store.rows(
            "SELECT count() AS events, count() AS ids, sum(cityHash64(id)) AS hashes"
            " FROM (SELECT DISTINCT arrayJoin({ids:Array(String)}) AS id)"
            " WHERE id NOT IN (SELECT JSONExtractString(bytes, 'id') FROM dead_letters)",
            {"ids": list(acknowledged)},
        )
    assert stored == sent
