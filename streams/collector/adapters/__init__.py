"""Translates HTTP requests in foreign formats into events of our contract; no network, no clock.

An adapter judges form only. What it makes is looked at by the edge like every other event, which refuses with a
reason what the contract does not take; so an adapter hands on what it can and leaves out what it cannot read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

__all__ = [
    "Adapter",
    "Challenged",
    "Item",
    "KeyedByBody",
    "Malformed",
    "Replies",
    "Request",
    "Settles",
    "Unverified",
]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, decompressed.

    `headers` have lower-case names; `grant_source` is the source of events that the write key's grant gives, `grant_brand`
    the brand of those that name none; `received_us` is our clock when the request came.
    """

    path: str
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    grant_source: str
    received_us: int
    grant_brand: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """The result of one item of a request: the event that it became, or the reason why it is none.

    `line` is one event as CloudEvents JSON, None when the item is none: then `reason` is a code of
    `streams.edge.REASONS` and `detail` says more; neither ever holds a value of the body. `pointer` is the JSON
    pointer of the item in the body. `is_made` says that the adapter put the event together, so that places in the
    event are not places in the body. `left_out` says what of the item the event does not have since it could not be
    read. `passed_over` is why the item is no event of a customer, and no fault: it is counted and not kept. `dropped` is
    called where the log does not have the event: what the adapter remembers of it is wrong then.
    """

    line: bytes | None
    pointer: str
    reason: str = ""
    detail: str = ""
    is_made: bool = False
    left_out: str = ""
    passed_over: str = ""
    dropped: Callable[[], None] | None = None


class Malformed(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """An error of a body that is unusable as a whole: where, and what is wrong, without quoting it."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer or '/'}: {detail}")
        self.pointer = pointer
        self.detail = detail


class Unverified(Exception):  # noqa: N818 - as above
    """An error of a request whose signature is missing, wrong, too old or was seen before."""


class Adapter(Protocol):
    """A translator of one foreign format."""

    @property
    def routes(self) -> Sequence[str]:
        """Paths that it answers, which may hold ``{name}``."""

    def key(self, request: Request) -> str:
        """Return the write key that the request presents, "" if none."""

    def verify(self, request: Request) -> None:
        """Raise Unverified where the format has signatures and this one does not hold."""

    def translate(self, request: Request) -> Sequence[Item]:
        """Return what the items of the body are, none where there is nothing to store; raise Malformed."""

    def answer(self, results: Sequence[Mapping[str, Any]]) -> tuple[int, bytes, str] | None:
        """Return status, body and content type where senders expect another answer than ours, else None.

        `results` are the items of our own answer, each with its `status`: accepted, duplicate, rejected or passed_over.
        """


@runtime_checkable
class Settles(Protocol):
    """An adapter that records when a request is safe, to refuse a replay of it."""

    def settle(self, request: Request) -> None:
        """Record that the log has all events of this request."""


@runtime_checkable
class KeyedByBody(Protocol):
    """An adapter whose write key may be in the body: only then is a body read before the key is known."""

    key_in_body: bool


@runtime_checkable
class Replies(Protocol):
    """An adapter whose answer depends on the request and waits for no log."""

    def reply(self, request: Request) -> tuple[int, bytes, str]:
        """Return status, body and content type; asked once the write key is known to be one."""


@runtime_checkable
class Challenged(Protocol):
    """An adapter whose senders ask, before they send, whether the address is ours."""

    def challenge(self, request: Request) -> tuple[int, bytes, str] | None:
        """Return status, body and content type, None where a request asks no such thing; raise Unverified or Malformed."""
