"""What became of each item, as it is told: accepted, duplicate, or rejected with reason and JSON pointer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from streams.adapters import Item
from streams.edge import Refused

__all__ = ["Result", "Status", "body_of", "results_of", "told"]

_PLAIN = (b'{"status":"accepted"}', b'{"status":"duplicate"}')


class Status(IntEnum):
    """What became of an item."""

    ACCEPTED = 0
    DUPLICATE = 1
    REJECTED = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item; reason, pointer (into the body) and detail where it was rejected."""

    status: Status
    reason: str = ""
    pointer: str = ""
    detail: str = ""


_ACCEPTED, _DUPLICATE = Result(Status.ACCEPTED), Result(Status.DUPLICATE)


def results_of(items: Sequence[Item], statuses: Sequence[int], refused: dict[int, Refused]) -> list[Result]:
    """Return a result for each item; what was refused is told by its place."""
    if not refused:
        return [_DUPLICATE if status else _ACCEPTED for status in statuses]
    return [
        _rejected(item, refused[place]) if place in refused else (_DUPLICATE if status else _ACCEPTED)
        for place, (item, status) in enumerate(zip(items, statuses, strict=True))
    ]


def _rejected(item: Item, why: Refused) -> Result:
    """Return a rejection: where in the event, joined to where the event stands, unless an adapter made the event."""
    if item.line is None:
        return Result(Status.REJECTED, why.reason, item.pointer, item.detail)
    if item.is_made:
        return Result(
            Status.REJECTED, why.reason, item.pointer, f"in the event that it becomes, {why.detail}"
        )
    pointer, _, detail = why.detail.partition(": ")
    return Result(Status.REJECTED, why.reason, item.pointer + pointer.rstrip("/"), detail)


def told(results: Sequence[Result]) -> list[dict[str, str]]:
    """Return results for JSON."""
    return [
        {"status": "rejected", "reason": each.reason, "pointer": each.pointer, "detail": each.detail}
        if each.status is Status.REJECTED
        else {"status": each.status.name.lower()}
        for each in results
    ]


def body_of(results: Sequence[Result]) -> bytes:
    """Return the body of an answer: the counts, and the items in their order."""
    counts = [0, 0, 0]
    for each in results:
        counts[each.status] += 1
    head = b'{"accepted":%d,"duplicates":%d,"rejected":%d,"items":[' % tuple(counts)
    if counts[Status.REJECTED]:
        items = [
            json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            for one in told(results)
        ]
    else:
        items = [_PLAIN[each.status] for each in results]
    return head + b",".join(items) + b"]}"
