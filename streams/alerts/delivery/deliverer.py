"""A thread for each receiver: what it is given goes out in order, each until it is taken, refused or too old."""

import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.alerts.delivery.addresses import AddressError
from streams.alerts.delivery.http import NotDeliveredError, RefusedError
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.delivery.senders import Send, sender
from streams.alerts.ledger import Delivered, Told
from streams.alerts.state import Lane
from streams.clock import Clock, system_clock
from streams.settings import SettingsError

__all__ = ["Deliverer", "Listener", "Pauses", "pause_s"]

_log = logging.getLogger(__name__)
_chance = secrets.SystemRandom()
_HOUR_US = 3_600_000_000
_CUT = 300  # characters of what a receiver answered


class Listener(Protocol):
    """Whom changes are for."""

    @property
    def name(self) -> str:
        """By which the ledger knows how far it is."""

    @property
    def keep_hours(self) -> float:
        """After how long a change is not sent any more."""

    def wants(self, told: Told) -> bool:
        """Tell whether a change is for it."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a receiver that does not answer is left alone: twice as long each time, with jitter."""

    first_s: float = 1.0
    longest_s: float = 300.0


def pause_s(attempt: int, pauses: Pauses, asked_s: float = 0.0) -> float:
    """Return the pause after an attempt, from 1: half to all of what doubling gives, or what the receiver asked for."""
    whole = min(pauses.longest_s, pauses.first_s * 2.0 ** min(attempt - 1, 30))
    return max(whole * _chance.uniform(0.5, 1.0), min(asked_s, pauses.longest_s))


class Deliverer:
    """Sends changes to receivers; what became of them is taken back by `done`, for whoever keeps the ledger.

    Parameters
    ----------
    receivers
        Of the file.
    more
        Others, such as the topic, each with what sends to it.

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
    ) -> None:
        try:
            sends = [sender(receiver, clock) for receiver in receivers]
        except AddressError as error:
            raise SettingsError(str(error)) from error
        lanes = [*zip(receivers, sends, strict=True), *more]
        self._done: queue.SimpleQueue[Delivered] = queue.SimpleQueue()
        self._lanes = [
            _Lane(receiver, send, clock, pauses or Pauses(), self._done.put) for receiver, send in lanes
        ]

    @property
    def names(self) -> list[str]:
        """The receivers."""
        return [lane.receiver.name for lane in self._lanes]

    def offer(self, told: Told, *, only: str | None = None) -> None:
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

    def lanes(self) -> list[Lane]:
        """Return how each receiver stands."""
        now_s = time.monotonic()
        return [
            Lane(lane.receiver.name, lane.failed, lane.waiting, now_s - since_s if since_s else 0.0)
            for lane in self._lanes
            for since_s in (lane.since_s,)
        ]

    def stop(self) -> None:
        """End the threads; what was not taken is sent after the next start."""
        for lane in self._lanes:
            lane.stop()


class _Lane:
    def __init__(
        self, receiver: Listener, send: Send, clock: Clock, pauses: Pauses, done: Callable[[Delivered], None]
    ) -> None:
        self.receiver = receiver
        self._send, self._clock, self._pauses, self._tell = send, clock, pauses, done
        self._queue: queue.Queue[Told | None] = queue.Queue()
        self._stopping = threading.Event()
        self.waiting = self.failed = 0
        self.since_s = 0.0  # monotonic, when the change in hand was tried first; 0 without one
        self._thread = threading.Thread(target=self._run, name=f"alerts {receiver.name}", daemon=True)
        self._thread.start()

    def put(self, told: Told) -> None:
        self.waiting += 1
        self._queue.put(told)

    def stop(self) -> None:
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (told := self._queue.get()) is not None and not self._stopping.is_set():
            self.since_s = time.monotonic()
            if (delivered := self._deliver(told)) is not None:
                self._tell(delivered)
                self.waiting -= 1
            self.since_s = 0.0

    def _deliver(self, told: Told) -> Delivered | None:
        """Send until something has become of it; None when stopped before."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            outcome, detail, after_s = self._attempt(told)
            if not outcome and self._clock() - told.change.at_us > self.receiver.keep_hours * _HOUR_US:
                outcome = "expired"
            if outcome:
                return Delivered(
                    self.receiver.name, told.sequence, outcome, attempt, detail[:_CUT], self._clock()
                )
            self.failed += 1
            _log.warning("receiver %s, attempt %d: %s", self.receiver.name, attempt, detail)
            self._stopping.wait(pause_s(attempt, self._pauses, after_s))
        return None

    def _attempt(self, told: Told) -> tuple[str, str, float]:
        """Return the outcome, "" for none yet, with what the receiver said, and when it wants to be asked again."""
        try:
            self._send(told)
        except NotDeliveredError as error:
            return "", str(error), error.after_s
        except RefusedError as error:
            _log.warning("receiver %s refuses change %d: %s", self.receiver.name, told.sequence, error)
            return "refused", str(error), 0.0
        except Exception as error:  # noqa: BLE001 - one receiver's fault holds up no other, nor itself for ever
            return "", type(error).__name__, 0.0
        return "delivered", "", 0.0
