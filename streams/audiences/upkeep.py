"""Keeps audiences up to date: asks for each that is due, by its cadence, and writes who entered and who left.

Each is asked and written by itself, so that one whose query fails or takes long leaves the others as they are. An answer is
written only where nothing else changed meanwhile than events: see `Alone`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from streams.audiences import members
from streams.audiences.config import Audience
from streams.audiences.members import Changes, HeldError, Insert, Stamp
from streams.clock import Clock
from streams.http.problems import place_of
from streams.process.degraded import Degraded
from streams.read_only.judge import RefusedError
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.connections import ConnectionPool, OverloadedError, StuckError
from streams.store.port import BLOCK_ROWS, StoreError

__all__ = ["Alone", "AudienceState", "Refreshed", "Upkeep", "told"]

Result = TypeVar("Result")

_IDLE_S = 3_600.0
_HELD_S = 1.0  # after which an audience is asked again that could not be written
_TRIES = 3  # of a command, for an answer that could not be written
_LONG_S = 60.0  # for which nothing can be written before /health says so
_FAILURES = (QueryError, StoreError, RefusedError, OverloadedError, StuckError)
_log = logging.getLogger(__name__)


class Alone(Protocol):
    """Who else may change the tables that an audience relies on, other than by events."""

    def stamp(self, store: ClickHouse) -> Stamp:
        """Return what an answer that is asked for now relies on. Raises HeldError."""

    def writing(self, store: ClickHouse, stamp: Stamp) -> AbstractContextManager[tuple[Insert, int]]:
        """Keep such changes away meanwhile; yield what inserts, and the highest number that was given.

        Raises
        ------
        HeldError
            Something changed since the stamp, or is about to; or, at the insert, it does now.
        """


@dataclass(slots=True)
class AudienceState:
    """How an audience is: its members, how long the last look took, what changed since the start, and what fails.

    `held_s` is since when nothing can be written, by the monotonic clock; None where something can. `stamp` is that of `members`.
    """

    name: str
    members: int = 0
    took_s: float = 0.0
    looks: int = 0
    errors: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    error: str = ""
    held_s: float | None = None
    stamp: Stamp = ()


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of an audience when it was asked at once; `error` says why nothing did."""

    audience: str
    brand: str
    entered: int = 0
    left: int = 0
    members: int = 0
    error: str = ""


class Upkeep:
    """The upkeep of the audiences of a file.

    Parameters
    ----------
    open_reader
        Opens a connection with `members.LIMITS`, on which audiences are asked.
    alone
        Keeps others away while something is written.
    degraded
        Registry for audiences that fail.
    """

    def __init__(
        self,
        audiences: Sequence[Audience],
        open_reader: Callable[[], ClickHouse],
        alone: Alone,
        clock: Clock,
        degraded: Degraded | None = None,
    ) -> None:
        self._audiences, self._alone, self._clock = audiences, alone, clock
        self._degraded = degraded or Degraded()
        self._connections = ConnectionPool(open_reader, threads=1, what="audiences")
        self.states = [AudienceState(one.name) for one in audiences]
        self._due_s = [0.0] * len(audiences)
        self._checked: set[str] = set()
        self._is_cleared = False
        self._lock = threading.Lock()  # the thread's look, and a command's

    @property
    def changed(self) -> int:
        """How many have entered or left since the start, by this upkeep."""
        return sum(state.changes.total() for state in self.states)

    def step(self, store: ClickHouse, is_over: Callable[[], bool] = lambda: False) -> float:
        """Ask the audiences that are due; return after how many seconds the next one is.

        Parameters
        ----------
        store
            A connection of the thread that calls, which may write.
        is_over
            Whether no more is to be asked.
        """
        self._clear_others(store)
        for number, one in enumerate(self._audiences):
            if self._due_s[number] <= time.monotonic() and not is_over():
                self._keep(store, number, one)
        waits = [one - time.monotonic() for one in self._due_s]
        return max(0.0, min(waits, default=_IDLE_S)) if self._is_cleared else _HELD_S

    def refresh(self, store: ClickHouse) -> list[Refreshed]:
        """Ask all audiences at once; return what became of each."""
        for _ in range(_TRIES):
            self._clear_others(store)
            if self._is_cleared:
                break
            time.sleep(_HELD_S)
        return [self._refreshed(store, number, one) for number, one in enumerate(self._audiences)]

    def _refreshed(self, store: ClickHouse, number: int, one: Audience) -> Refreshed:
        state = self.states[number]
        before = state.changes.copy()
        said = ""
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_HELD_S)
            if not (said := self._keep(store, number, one)) or state.error:
                break
        done = state.changes - before
        return Refreshed(one.name, one.brand, done["entered"], done["left"], state.members, said)

    def close(self) -> None:
        """End the query that runs, wait a moment for that, and close its connection."""
        self._connections.close()

    def _clear_others(self, store: ClickHouse) -> None:
        """Have the members leave of audiences that were taken out of the file, once."""
        if self._is_cleared:
            return
        ours = {one.name: one.brand for one in self._audiences}
        try:
            with self._lock:
                for brand, name in members.others(store, ours):
                    self._written(store, partial(members.leaving, brand=brand, audience=name))
        except HeldError:
            return  # at the next look
        except Exception as error:  # noqa: BLE001 - the others are kept all the same
            self._degraded.set(
                ("audience", ""),
                f"members of audiences that are in the file no more have not left: {told(error, 'an audience')}",
            )
            return
        self._is_cleared = True
        self._degraded.clear(("audience", ""))

    def _keep(self, store: ClickHouse, number: int, one: Audience) -> str:
        """Ask one audience, and write what changed; return what kept it from that."""
        state, began_s = self.states[number], time.monotonic()
        with self._lock:
            self._due_s[number] = began_s + one.every_s
            try:
                self._ask(store, state, one)
            except HeldError as held:
                self._due_s[number] = time.monotonic() + _HELD_S
                self._hold(state, str(held))
                return str(held)
            except Exception as error:  # noqa: BLE001 - the others are kept all the same
                state.errors += 1
                state.error = told(error, "an audience")
                self._say(one.name, f"stays as it was: {state.error}")
                return state.error
            finally:
                state.took_s = time.monotonic() - began_s
        state.looks += 1
        state.error, state.held_s = "", None
        self._degraded.clear(("audience", one.name))
        return ""

    def _hold(self, state: AudienceState, why: str) -> None:
        now_s = time.monotonic()
        if state.held_s is None:
            state.held_s = now_s
        elif now_s - state.held_s > _LONG_S:
            self._say(state.name, f"stays as it was for {now_s - state.held_s:,.0f} s: {why}")

    def _say(self, name: str, what: str) -> None:
        self._degraded.set(("audience", name), f"audience {name} {what}")

    def _ask(self, store: ClickHouse, state: AudienceState, one: Audience) -> None:
        if one.name not in self._checked:
            self._asked(lambda reader: members.check(reader, one), one.name)
            self._checked.add(one.name)
        changed, stamp = self._written(
            store, lambda _: self._asked(lambda reader: members.changes(reader, one), one.name)
        )
        state.changes += changed
        if changed or stamp != state.stamp:  # or somebody was erased
            state.members, state.stamp = members.count(store, one.brand, one.name), stamp

    def _asked(self, work: Callable[[ClickHouse], Result], name: str) -> Result:
        return self._connections.submit(work, f"audience {name}").result()

    def _written(self, store: ClickHouse, ask: Callable[[ClickHouse], Changes]) -> tuple[Counter[str], Stamp]:
        """Write what a question finds, block by block, until it finds no more; each block is right by itself.

        Returns how many entered and left, and the stamp of the last question.
        """
        changed: Counter[str] = Counter()
        while True:
            stamp = self._alone.stamp(store)
            found = ask(store)
            if not len(found):
                return changed, stamp
            with self._alone.writing(store, stamp) as (insert, number):
                members.write(insert, found, number, self._clock())
            changed += Counter(entered=found.entered, left=len(found) - found.entered)
            if len(found) < BLOCK_ROWS:
                return changed, stamp


def told(error: Exception, what: str) -> str:
    """Return why an upkeep failed, in words; of a failure of ours the place, which is logged, as its text may have values."""
    if isinstance(error, _FAILURES):
        return str(error) or type(error).__name__
    _log.error("%s: %s", what, place_of(error))
    return place_of(error)
