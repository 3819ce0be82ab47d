"""Rebuilds tables on a server whose workers are stopped; a fence keeps those that start from writing to the old ones."""

import time
from collections.abc import Sequence
from typing import Self

from schemas.topics import EVIDENCE, INTERACTIONS, LINKS
from streams.engine.shell import Tell
from streams.fencing.fence import Fence
from streams.fencing.lease import ERASING, Lease, in_turn, waiting_for_turn
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import INTERACTIONS as ROWS
from streams.recovery.rebuild import Order, Rebuilt, rebuild
from streams.server.server import Server
from streams.store.clickhouse import ClickHouse
from streams.store.kept import PATHS
from streams.store.port import StoreError

__all__ = ["Fenced", "RebuildError", "rebuild_across", "refuse_workers"]

_WRITTEN = (INTERACTIONS, LINKS, EVIDENCE)  # topics whose owners write to the tables that follow
_RAISED = 2**32  # above versions that a record not read yet may have
_AT_WORK = "workers are at work: stop every worker, and give the command again"


class RebuildError(StoreError):
    """An error of tables that are not rebuilt now; those in use stay, unless the message says otherwise."""


def rebuild_across(
    server: Server, tables: Sequence[str], tell: Tell, *, dry_run: bool = False
) -> Sequence[Rebuilt]:
    """Rebuild tables of a server from its interactions; its workers must be stopped. See `streams.recovery.rebuild`.

    Whatever an earlier owner of a partition still writes adds nothing once this has begun. A worker that begins meanwhile
    takes its partitions; that is seen before a table is switched, and once more after it.

    Raises
    ------
    RebuildError
        Workers are at work, or the tables are those of a cluster, or a table does not follow from the interactions.
    BrokerError
        Kafka does not say whether they are.
    """
    if server.store.cluster:
        raise RebuildError(
            "on a ClickHouse cluster tables cannot be rebuilt in place: publish history again into a new database"
        )
    if wrong := [table for table in tables if table not in (ROWS, *FOLLOWING, PATHS)]:
        raise RebuildError(f"{wrong[0]} of a server is written by workers alone, and cannot be rebuilt")
    if set(tables) != {PATHS}:
        refuse_workers(server)
    return in_turn(
        server.store,
        ERASING,  # which takes rows from the same tables
        lambda _turn: _rebuild(server, _turn, tables, tell, dry_run=dry_run),
        waiting_for_turn(tell),
    )


def refuse_workers(server: Server) -> None:
    """Raise RebuildError where workers are at work, as far as Kafka says."""
    if not server.settings.kafka.servers:
        return  # then the fence alone tells
    from streams.kafka.topics import unfinished  # noqa: PLC0415 - needs Kafka's client

    reasons = [reason for reason in unfinished(server.settings.kafka) if "has members" in reason]
    if reasons := [reason for reason in reasons if "worker" in reason]:
        raise RebuildError("not now: " + "; ".join(reasons))


def _rebuild(
    server: Server, _turn: Lease, tables: Sequence[str], tell: Tell, *, dry_run: bool
) -> Sequence[Rebuilt]:
    fence = Fenced(server.store)
    order = Order(
        tables,
        server.clock(),
        dry_run=dry_run,
        partitions=fence.partitions,
        raised=_RAISED,
        tell=tell,
        check=fence.check,
    )
    if dry_run or set(tables) == {PATHS}:  # which workers do not write
        return rebuild(server.store, server.model, order)
    with fence:
        return rebuild(server.store, server.model, order)


class Fenced:
    """A context that owns all partitions for which workers have ever written."""

    def __init__(self, store: ClickHouse) -> None:
        self._fence = Fence(store, time.sleep)
        self._taken: dict[str, set[int]] = {}
        rows = store.query(
            "SELECT topic, groupUniqArray(partition) FROM fences WHERE topic IN {topics:Array(String)} GROUP BY topic",
            {"topics": list(_WRITTEN)},
        )
        self._known = {str(topic): {int(partition) for partition in partitions} for topic, partitions in rows}
        self.partitions = max(self._known.get(INTERACTIONS, {0})) + 1

    def check(self) -> None:
        """Raise RebuildError where a worker owns one of the partitions by now."""
        for topic, partitions in self._taken.items():
            if lost := partitions - self._fence.held(topic, partitions):
                raise RebuildError(
                    f"{_AT_WORK}; one has begun meanwhile, at partition {min(lost)} of {topic}, so the rebuilt tables may"
                    " lack what it wrote"
                )

    def __enter__(self) -> Self:
        for topic, partitions in self._known.items():
            self._fence.take(topic, partitions)
            self._taken[topic] = partitions
        return self

    def __exit__(self, *_: object) -> None:
        for topic, partitions in self._taken.items():
            for partition in sorted(partitions):
                self._fence.leave(topic, partition)
