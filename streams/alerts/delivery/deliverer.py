"""Sends changes in order on a thread for each receiver, with retries until each is delivered, refused or expired."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.alerts.clocks import steady_s
from streams.alerts.delivery.addresses import AddressError
from streams.alerts.delivery.http import DeliveryRefusedError, NotDeliveredError
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.delivery.senders import Send, sender
from streams.alerts.ledger import Delivered, StoredChange
from streams.alerts.state import ReceiverState
from streams.clock import Clock, system_clock
from streams.process.retries import doubled_s
from streams.settings import SettingsError

__all__ = ["Deliverer", "Listener", "Pauses", "pause_s"]

_log = logging.getLogger(__name__)
_HOUR_S = 3_600.0
_STOP_S = 1.0  # for what is being sent
_CUT = 300  # characters of what a receiver answered


class Listener(Protocol):
    """A receiver of changes, as the deliverer sees it."""

    @property
    def name(self) -> str:
        """By which the ledger knows how far it is."""

    @property
    def keep_hours(self) -> float:
        """After how long a change is not sent any more."""

    def wants(self, told: StoredChange) -> bool:
        """Return whether this receiver gets a change."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses before retries to a receiver that does not answer: twice as long each time, with jitter."""

    first_s: float = 1.0
    longest_s: float = 300.0


def pause_s(attempt: int, pauses: Pauses, asked_s: float = 0.0) -> float:
    """Return the pause after an attempt, from 1: half to all of what doubling gives, or what the receiver asked for."""
    return doubled_s(attempt - 1, pauses.first_s, pauses.longest_s, asked_s)


class Deliverer:
    """A sender of changes to receivers; the caller, which keeps the ledger, collects the outcomes with `done`.

    Parameters
    ----------
    receivers
        Of the file.
    more
        Others, such as the topic, each with what sends to it.
    steady
        Seconds that nobody sets, by which a change grows old.

    Raises
    ------
    SettingsError
        A receiver cannot be used.
    """

    def __init__(
        self,
        receivers: Sequence[Receiver],
        *,
        more: Sequence[tuple[Listener, Send]] = (),
        clock: Clock = system_clock,
        pauses: Pauses | None = None,
        steady: Callable[[], float] = steady_s,
    ) -> None:
        try:
            sends = [sender(receiver, clock) for receiver in receivers]
        except AddressError as error:
            raise SettingsError(str(error)) from error
        lanes = [*zip(receivers, sends, strict=True), *more]
        self._done: queue.SimpleQueue[Delivered] = queue.SimpleQueue()
        self._lanes = [
            _Lane(receiver, send, (clock, steady), pauses or Pauses(), self._done.put)
            for receiver, send in lanes
        ]

    @property
    def names(self) -> list[str]:
        """The receivers."""
        return [lane.receiver.name for lane in self._lanes]

    def offer(self, told: StoredChange, *, only: str | None = None) -> None:
        """Give a change to every receiver that wants it, or to one; returns at once."""
        for lane in self._lanes:
            if only in {None, lane.receiver.name} and lane.receiver.wants(told):
                lane.put(told)

    def done(self) -> list[Delivered]:
        """Return what became of changes since this was asked last."""
        found = []
        while not self._done.empty():
            found.append(self._done.get())
        return found

    def waiting(self) -> dict[str, int]:
        """Return how many changes each receiver has still to take."""
        return {lane.receiver.name: lane.waiting for lane in self._lanes}

    def lanes(self) -> list[ReceiverState]:
        """Return the state of each receiver."""
        now_s = time.monotonic()
        return [
            ReceiverState(lane.receiver.name, lane.failed, lane.waiting, now_s - since_s if since_s else 0.0)
            for lane in self._lanes
            for since_s in (lane.since_s,)
        ]

    def stop(self) -> None:
        """End the threads, without a long wait; changes not delivered are sent after the next start."""
        for lane in self._lanes:
            lane.ask_to_stop()
        until_s = time.monotonic() + _STOP_S
        for lane in self._lanes:
            lane.wait(max(0.0, until_s - time.monotonic()))


class _Lane:
    def __init__(
        self,
        receiver: Listener,
        send: Send,
        clocks: tuple[Clock, Callable[[], float]],
        pauses: Pauses,
        done: Callable[[Delivered], None],
    ) -> None:
        self.receiver = receiver
        self._send, self._pauses, self._tell = send, pauses, done
        self._clock, self._steady = clocks
        self._queue: queue.Queue[tuple[StoredChange, float] | None] = queue.Queue()
        self._stopping = threading.Event()
        self.waiting = self.failed = 0
        self.since_s = 0.0  # monotonic, when the change in hand was tried first; 0 without one
        self._thread = threading.Thread(target=self._run, name=f"alerts {receiver.name}", daemon=True)
        self._thread.start()

    def put(self, told: StoredChange) -> None:
        self.waiting += 1
        # How old it is, is counted on from here by a clock that nobody sets.
        born_s = self._steady() - max(0, self._clock() - told.change.at_us) / 1e6
        self._queue.put((told, born_s))

    def ask_to_stop(self) -> None:
        self._stopping.set()
        self._queue.put(None)

    def wait(self, most_s: float) -> None:
        self._thread.join(most_s)

    def _run(self) -> None:
        while (waiting := self._queue.get()) is not None and not self._stopping.is_set():
            self.since_s = time.monotonic()
            if (delivered := self._deliver(*waiting)) is not None:
                self._tell(delivered)
                self.waiting -= 1
            self.since_s = 0.0

    def _deliver(self, told: StoredChange, born_s: float) -> Delivered | None:
        """Send until something has become of it; None when stopped before."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            outcome, detail, after_s = self._attempt(told)
            if not outcome and self._steady() - born_s > self.receiver.keep_hours * _HOUR_S:
                outcome = "expired"
            if outcome:
                return Delivered(
                    self.receiver.name, told.sequence, outcome, attempt, detail[:_CUT], self._clock()
                )
            self.failed += 1
            _log.warning("receiver %s, attempt %d: %s", self.receiver.name, attempt, detail)
            self._stopping.wait(pause_s(attempt, self._pauses, after_s))
        return None

    def _attempt(self, told: StoredChange) -> tuple[str, str, float]:
        """Return the outcome, "" for none yet, with the receiver's answer, and when it wants the retry."""
        try:
            self._send(told)
        except NotDeliveredError as error:
            return "", str(error), error.after_s
        except DeliveryRefusedError as error:
            _log.warning("receiver %s refuses change %d: %s", self.receiver.name, told.sequence, error)
            return "refused", str(error), 0.0
        except Exception as error:  # noqa: BLE001 - one receiver's fault holds up no other, nor itself for ever
            return "", type(error).__name__, 0.0
        return "delivered", "", 0.0
