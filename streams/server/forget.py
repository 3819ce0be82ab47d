"""Erases a customer on a server: asks every partition, then deletes from the tables and from Kafka.

Owners of interactions drop the handles' events from an offset of each partition's log on. When all of them are past
it, and what they sent before is acknowledged, no new events of the handles come, and they are deleted: what the other
partition tasks restore from goes before these are asked to let go of their state. At last the handles are accepted
again, as those of a new customer, and Kafka's records up to there are deleted. A command that was killed goes on
where it was when it is given again, or when another erasure is asked for. Concurrent commands wait for a lease.
"""

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from journey.errors import UserError
from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.audiences.alone import end_writes
from streams.engine.shell import Tell
from streams.erasure import statements
from streams.erasure.statements import Forgotten
from streams.faults import kill_point
from streams.fencing.lease import ERASING, Lease, in_turn
from streams.handles.links import handles_of
from streams.handles.shared import keep_shared
from streams.kafka.clients import broker_errors, producer
from streams.kafka.errors import BrokerError
from streams.kafka.groups import OffsetSpan
from streams.kafka.offsets import Offsets
from streams.kafka.read_records import delete_read
from streams.kafka.topics import partition_count
from streams.log.messages import FORGET, FORGOTTEN, Control, pack_control
from streams.recovery.rebuild import clear
from streams.server.server import Server
from streams.store.sql import OF_EXPIRED

__all__ = ["ForgetError", "forget_across"]

_SILENCE_S = 60.0  # without any partition answering, after which nobody seems to be there
_LOOK_S = 0.2
_OURS = (INTERACTIONS, LINKS, IDENTITY_MAP, EVIDENCE)


class ForgetError(UserError, RuntimeError):
    """An error of an erasure that is not finished; given again, it goes on."""


def forget_across(  # noqa: PLR0913 - keywords, each once
    server: Server,
    handles: Collection[int],
    reason: str,
    tell: Tell,
    *,
    consent: str = "",
    silence_s: float = _SILENCE_S,
) -> Forgotten:
    """Erase the customers of handles, who are one person; an erasure that was interrupted is finished first. `consent` as in `forget`.

    Raises
    ------
    ForgetError
        No worker answers for some partition.
    BrokerError
        Kafka cannot be used.
    """
    wish = _Wish(tuple(handles), secrets.token_hex(16), reason, consent)
    return in_turn(
        server.store,
        ERASING,
        lambda turn: _erase(server, wish, partial(_Erasure, server, turn, tell, silence_s)),
        lambda who: tell(f"another erasure is waited for, by {who}", 0, 0),
    )


@dataclass(frozen=True, slots=True)
class _Wish:
    handles: tuple[int, ...]
    receipt: str
    reason: str
    consent: str


def _erase(server: Server, wish: _Wish, made: Callable[[str], "_Erasure"]) -> Forgotten:
    """Finish what was begun, by whomever, until it is what was wished for."""
    store = server.store
    clear(store)  # what a rebuild that was killed has left would keep the handles
    while True:
        for receipt in statements.pending(store):
            made(receipt).finish()
        if (kept := statements.receipt_of(store, wish.receipt)) is not None:
            return wish.receipt, kept
        handles = handles_of(store, *wish.handles)
        found = statements.count(store, handles)
        if found.nothing and not wish.consent:
            return "", found
        keep_shared(server, handles, wish.receipt)
        made(wish.receipt).begin(handles, wish.reason, wish.consent)


class _Erasure:
    """An erasure; every step is idempotent."""

    def __init__(self, server: Server, turn: Lease, tell: Tell, silence_s: float, receipt: str) -> None:
        self._server, self._turn = server, turn
        self._store = server.store
        self._kafka = server.settings.kafka
        self._receipt = receipt
        self._tell = tell
        self._silence_s = silence_s
        self._offsets = Offsets(self._kafka)
        many = partition_count(self._kafka)
        self._counts = {topic: 1 if topic == LINKS else many for topic in _OURS}

    def begin(self, handles: Sequence[int], reason: str, consent: str) -> None:
        """Say that it is to be; from then on it can be finished."""
        now_us = self._server.clock()
        statements.begin(self._turn.insert, self._receipt, handles, reason, now_us, consent=consent)

    def finish(self) -> None:
        """Go on from where it is."""
        with closing(self._offsets):
            self._erase()
        statements.clear(self._store, self._receipt)

    def _erase(self) -> None:
        self._ask(INTERACTIONS, FORGET)
        if not self._all_said(EVIDENCE, FORGOTTEN):  # after that, what comes of the handles is somebody's new
            self._delete()
        for topic in (LINKS, EVIDENCE, INTERACTIONS):
            self._ask(topic, FORGOTTEN)
        delete_read(self._kafka)  # of `events.in` too, where values are as applications sent them
        statements.scrub(self._store)

    def _delete(self) -> None:
        store, receipt = self._store, self._receipt
        end_writes(store)
        statements.keep_receipt(store, self._turn.insert, receipt, self._server.clock())
        tables = (
            "identity_links", "evidence", "alerts", "interactions", "conflicts", "readable_handles", "dead_letters",
            *OF_EXPIRED, "carried_links", "audience_changes", "kept_paths",
        )  # fmt: skip
        statements.delete(store, receipt, *tables)
        self._ask(LINKS, FORGET)
        statements.delete(store, receipt, "identity_map")
        self._ask(EVIDENCE, FORGET)
        statements.delete(store, receipt, "stage_changes")
        self._wait_for(IDENTITY_MAP, self._ends(IDENTITY_MAP), "broker_errors of moves")

    def _said(self, topic: str, verb: str) -> dict[int, int]:
        rows = self._store.query(
            "SELECT _partition, min(_offset) FROM erasure_steps"
            " WHERE receipt = {receipt:String} AND topic = {topic:String} AND verb = {verb:String} GROUP BY _partition",
            {"receipt": self._receipt, "topic": topic, "verb": verb},
        )
        return {int(partition): int(offset) for partition, offset in rows}

    def _all_said(self, topic: str, verb: str) -> bool:
        return len(self._said(topic, verb)) == self._counts[topic]

    def _ask(self, topic: str, verb: str) -> None:
        """Send to the partitions that have not done it; wait until all have, and have acknowledged it."""
        missing = set(range(self._counts[topic])) - self._said(topic, verb).keys()
        control = pack_control(Control(verb, self._receipt, ""))
        with closing(producer(self._kafka)) as out, kill_point("erasure.send"), broker_errors(self._kafka):
            sent = [
                out.send(f"{self._kafka.prefix}{topic}", value=control, partition=partition)
                for partition in sorted(missing)
            ]
            for each in sent:
                each.get(timeout=30)
        what = f"{topic} {verb}"
        self._until(what, lambda: len(self._said(topic, verb)), self._counts[topic])
        self._wait_for(topic, self._said(topic, verb), what)

    def _spans(self, topic: str) -> dict[int, OffsetSpan]:
        """Return the offsets of the partitions, with one retry, since a coordinator that has moved causes one error."""
        places = [(topic, partition) for partition in range(self._counts[topic])]
        try:
            spans = self._offsets.spans(places)
        except BrokerError:
            spans = self._offsets.spans(places)
        return {partition: span for (_, partition), span in spans.items()}

    def _ends(self, topic: str) -> dict[int, int]:
        return {partition: span.end for partition, span in self._spans(topic).items()}

    def _wait_for(self, topic: str, offsets: Mapping[int, int], what: str) -> None:
        """Wait until workers have acknowledged these offsets (from 1), so what follows from them was sent."""

        def done() -> int:
            spans = self._spans(topic)
            return sum(spans[partition].committed >= offset for partition, offset in offsets.items())

        self._until(what, done, len(offsets))

    def _until(self, what: str, look: Callable[[], int], count: int) -> None:
        best, since = -1, time.monotonic()
        while (done := look()) < count:
            if done > best:
                best, since = done, time.monotonic()
            self._tell(what, done, count)
            if time.monotonic() - since > self._silence_s:
                raise ForgetError(
                    f"{what}: {done} of {count} partitions have answered, and no other for {self._silence_s:.0f} s: are "
                    "workers running? Given again, the erasure goes on"
                )
            time.sleep(_LOOK_S)
