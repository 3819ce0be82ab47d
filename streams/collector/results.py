"""Renders the result of each item: accepted, duplicate, or rejected with reason and JSON pointer."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from streams.collector.adapters import Item
from streams.collector.committer import SubmissionOutcome
from streams.edge import Refused

__all__ = ["Result", "Status", "body_of", "drop", "rendered", "results_of", "with_passed_over"]

_PLAIN = (b'{"status":"accepted"}', b'{"status":"duplicate"}')


class Status(IntEnum):
    """The status of an item: accepted, duplicate or rejected; passed over where it is no event of a customer, and no fault."""

    ACCEPTED = 0
    DUPLICATE = 1
    REJECTED = 2
    PASSED_OVER = 3


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one item; reason, pointer (into the body) and detail where it was rejected.

    `left_out` handles of an event that is in the log are not linked to its first one. `unread` says what else of the
    item the event does not have.
    """

    status: Status
    reason: str = ""
    pointer: str = ""
    detail: str = ""
    left_out: int = 0
    unread: str = ""


_ACCEPTED, _DUPLICATE = Result(Status.ACCEPTED), Result(Status.DUPLICATE)


def results_of(items: Sequence[Item], outcome: SubmissionOutcome) -> list[Result]:
    """Return a result for each item that was submitted."""
    results = [_DUPLICATE if status else _ACCEPTED for status in outcome.statuses]
    for place, why in outcome.refused.items():
        results[place] = _rejected(items[place], why)
    for place, count in outcome.unlinked.items():
        results[place] = replace(results[place], left_out=count)
    for place, item in enumerate(items):
        if item.left_out and results[place].status is not Status.REJECTED:
            results[place] = replace(results[place], pointer=item.pointer, unread=item.left_out)
    return results


def with_passed_over(items: Sequence[Item], results: Sequence[Result]) -> list[Result]:
    """Return a result for each item: of those that were submitted, and of those that were passed over."""
    rest = iter(results)
    return [
        Result(Status.PASSED_OVER, item.passed_over) if item.passed_over else next(rest) for item in items
    ]


def drop(items: Iterable[Item]) -> None:
    """Tell the adapter that the log does not have these items."""
    for item in items:
        if item.dropped:
            item.dropped()


def _rejected(item: Item, why: Refused) -> Result:
    """Return a rejection: the pointer into the event, joined to that of the event, unless an adapter made the event."""
    if item.line is None:
        return Result(Status.REJECTED, why.reason, item.pointer, item.detail)
    if item.is_made:
        return Result(
            Status.REJECTED, why.reason, item.pointer, f"in the event that it becomes, {why.detail}"
        )
    pointer, _, detail = why.detail.partition(": ")
    return Result(Status.REJECTED, why.reason, item.pointer + pointer.rstrip("/"), detail)


def rendered(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Return results for JSON."""
    return [_rendered(each) for each in results]


def _rendered(result: Result) -> dict[str, Any]:
    if result.status is Status.REJECTED:
        return {
            "status": "rejected",
            "reason": result.reason,
            "pointer": result.pointer,
            "detail": result.detail,
        }
    said: dict[str, Any] = {"status": result.status.name.lower()}
    if result.status is Status.PASSED_OVER:
        return said | {"reason": result.reason}
    why = [_alone(result.left_out)] if result.left_out else []
    why += [result.unread] if result.unread else []
    linked = {"linked": False} if result.left_out else {}
    pointer = {"pointer": result.pointer} if result.pointer else {}
    return said | linked | pointer | ({"detail": "; ".join(why)} if why else {})


def _alone(count: int) -> str:
    return (
        f"the write key has no grant identity and makes no links: the event counts for its first handle, and {count} more"
        f" {'handles are' if count > 1 else 'handle is'} not kept"
    )


def body_of(results: Sequence[Result]) -> bytes:
    """Return the body of an answer: the counts, and the items in their order."""
    counts = [0] * len(Status)
    for each in results:
        counts[each.status] += 1
    head = b'{"accepted":%d,"duplicates":%d,"rejected":%d,"items":[' % tuple(counts[: Status.PASSED_OVER])
    if any(counts[Status.REJECTED :]) or any(each.left_out or each.unread for each in results):
        items = [
            json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
            for one in rendered(results)
        ]
    else:
        items = [_PLAIN[each.status] for each in results]
    return head + b",".join(items) + b"]}"
