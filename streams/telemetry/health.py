"""Computes the answers of /health and /ready from the state of a worker or gateway; no I/O."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

__all__ = ["Answer", "LaneState", "WaitingFor", "health", "ready"]

_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP."""

    code: HTTPStatus
    body: bytes
    content_type: str = _JSON

    @classmethod
    def of(
        cls,
        status: str,
        reasons: Sequence[str],
        *,
        good: bool,
        degraded: Sequence[str] | None = None,
        **more: Any,
    ) -> "Answer":
        """Return a status with its reasons; 200 if it is good, else 503.

        What is degraded while the rest goes on makes a good answer "degraded", which is 200 too: nothing is to be restarted.
        """
        said: dict[str, Any] = {
            "status": "degraded" if degraded and good else status,
            "reasons": list(reasons),
        }
        if degraded is not None:
            said["degraded"] = list(degraded)
        body = json.dumps(said | more, ensure_ascii=False)
        return cls(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, body.encode() + b"\n")


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """The dependency (store, kafka, assignment, topics) that blocks, since when (RFC 3339), and why, if to be fixed."""

    reason: str
    since: str
    why: str = ""

    def __str__(self) -> str:
        what = {"store": "the store", "kafka": "Kafka", "assignment": "an assignment"}
        why = f": {self.why}" if self.why else ""
        return f"waiting for {what.get(self.reason, self.reason)} since {self.since}{why}"


@dataclass(frozen=True, slots=True)
class LaneState:
    """The state of a partition task.

    Attributes
    ----------
    assigned
        Whether it has an assignment, perhaps of no partitions.
    ready
        Whether the state of all of its partitions is there.
    restoring
        Since when it takes its partitions and restores their state, "" if it does not.
    waiting
        What it waits for, None for nothing.
    lag
        Records that are not done; None when that is not known.
    """

    name: str
    partitions: tuple[int, ...] = ()
    assigned: bool = False
    ready: bool = False
    restoring: str = ""
    waiting: WaitingFor | None = None
    lag: int | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def why_unready(self) -> str:
        """Why it is not ready, in words."""
        if self.waiting is not None:
            return f"{self.name}: {self.waiting}"
        if not self.assigned:
            return f"{self.name}: no partitions have been assigned yet"
        return f"{self.name}: restoring" + (f" since {self.restoring}" if self.restoring else "")

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "partitions": list(self.partitions),
            "ready": self.ready,
            "restoring_since": self.restoring or None,
            "waiting": str(self.waiting) if self.waiting else None,
            "lag_records": self.lag,
        }


def health(
    lanes: Sequence[LaneState], stalled: Sequence[str], silent: str, degraded: Sequence[str] = ()
) -> Answer:
    """Say whether the process is alive and goes on.

    Parameters
    ----------
    stalled
        What is behind without progress, in words: the process is about to exit.
    silent
        Since when Kafka has not answered, "" when it does.
    degraded
        What does not work as it should while the rest goes on, in words.
    """
    waiting = [f"{lane.name}: {lane.waiting}" for lane in lanes if lane.waiting is not None]
    if silent:
        waiting.append(f"Kafka has not answered since {silent}")
    status = "stalled" if stalled else "waiting" if waiting else "ok"
    reasons = [*stalled, *waiting]
    told = {lane.name: lane.as_json() for lane in lanes}
    return Answer.of(status, reasons, good=not reasons, degraded=degraded or None, lanes=told)


def ready(lanes: Sequence[LaneState]) -> Answer:
    """Say whether the state of all assigned partitions is there; none may be assigned."""
    reasons = [lane.why_unready for lane in lanes if not lane.ready]
    if reasons:
        return Answer.of("not ready", reasons, good=False)
    idle = not any(lane.partitions for lane in lanes)
    return Answer.of(
        "ready", ["no partitions are assigned: other workers have them all"] if idle else [], good=True
    )
