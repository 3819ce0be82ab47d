"""Names kill points before and after every write, at which a test can kill the process; free of cost when unarmed."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BOUNDARIES", "arm", "arm_by", "kill_point", "points"]

# Every write that the engine makes stands in a `with kill_point(...)` of one of these names; a test walks the code.
BOUNDARIES: tuple[str, ...] = (
    "key.write",
    "key.book",
    "rules.book",
    "rekey.fill",
    "rekey.replace",
    "rekey.clear",
    "rebuild.create",
    "rebuild.fill",
    "rebuild.switch",
    "rebuild.clear",
    "rebuild.books",
    "keys.open",
    "keys.write",
    "keys.aside",
    "definition.aside",
    "definition.version",
    "whole.mark",
    "log.open",
    "log.skip",
    "log.append",
    "log.commit",
    "log.scrub",
    "log.salvage",
    "log.replace",
    "log.aside",
    "migration.open",
    "migration.apply",
    "migration.book",
    "store.open",
    "store.durable",
    "store.damage",
    "store.merges",
    "model.write",
    "model.evidence",
    "model.activate",
    "sql.insert",
    "beside.statement",
    "backup.image",
    "backup.freeze",
    "backup.discard",
    "backup.clear",
    "backup.copy",
    "backup.manifest",
    "backup.rename",
    "backup.note",
    "export.rename",
    "destination.rename",
    "destination.put",
    "restore.begin",
    "restore.clear",
    "restore.finish",
    "scratch.make",
    "scratch.fill",
    "scratch.empty",
    "scratch.drop",
    "insert.interactions",
    "insert.identity_links",
    "insert.identity_map",
    "insert.evidence",
    "insert.minute_counts",
    "insert.stage_changes",
    "insert.dead_letters",
    "insert.conflicts",
    "insert.readable_handles",
    "insert.deliveries",
    "insert.dead_letter_replays",
    "erasure.begin",
    "erasure.bury",
    "erasure.receipt",
    "erasure.minutes",
    "erasure.delete",
    "erasure.scrub",
    "erasure.clear",
    "erasure.send",
    "erasure.book",
    "kafka.delete",
    "retention.set",
    "expiry.clear",
    "expiry.carry",
    "expiry.enter",
    "expiry.delete",
    "readable.delete",
    "letters.drop",
    "letters.receipt",
    "letters.delete",
    "letters.clear",
    "insert.alerts",
    "insert.alert_marks",
    "insert.alert_deliveries",
    "insert.alert_figures",
    "insert.feed_positions",
    "insert.audience_changes",
    "insert.kept_paths",
    "insert.kept_marks",
    "kept.drop",
    "fence.take",
    "fence.kill",
    "change.book",
    "change.begin",
    "change.send",
    "change.evidence",
    "worker.send",
    "worker.acknowledge",
    "topics.create",
    "topics.grow",
    "kafka.send",
    "kafka.commit",
    "listen.key",
    "listen.open",
    "listen.own",
    "listen.send",
    "listen.commit",
)

_armed: list[tuple[str, int, int]] = []  # point, hits, signal


def points() -> tuple[str, ...]:
    """Return every point at which `arm` can strike: before and after each boundary."""
    return tuple(f"{name}.{side}" for name in BOUNDARIES for side in ("before", "after"))


def arm(point: str, hits: int = 1, *, stop: bool = False) -> None:
    """Kill this process (SIGKILL) when it reaches `point` for the `hits`-th time; or stop it (SIGSTOP).

    Raises
    ------
    ValueError
        There is no such point.
    """
    if point not in points():
        raise ValueError(f"no fault point {point!r}; there are {', '.join(points())}")
    _armed[:] = [(point, hits, signal.SIGSTOP if stop else signal.SIGKILL)]


def arm_by(setting: str) -> None:
    """Arm as JOURNEY_FAULT says: POINT, POINT:N or POINT:N:STOP; "" arms nothing."""
    if setting:
        point, hits, how, *_ = [*setting.split(":"), "", ""]
        arm(point, int(hits or 1), stop=how == "STOP")


@contextmanager
def kill_point(name: str) -> Iterator[None]:
    """Mark the one write inside as a place where the process may die just before and just after."""
    if _armed:
        _strike(f"{name}.before")
    yield
    if _armed:
        _strike(f"{name}.after")


def _strike(point: str) -> None:
    armed, hits, how = _armed[0]
    if armed != point:
        return
    if hits > 1:
        _armed[0] = (armed, hits - 1, how)
        return
    _armed.clear()  # a process that was stopped goes on when it is continued
    os.kill(os.getpid(), how)
