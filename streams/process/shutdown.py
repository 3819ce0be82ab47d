"""Ends a process on SIGTERM or SIGINT within five seconds, whatever it is doing; a second signal ends it at once.

Everything that was acknowledged is safe before it is acknowledged, so a process may be ended anywhere. What a clean end adds is
that answers in hand are given and that the next start has less to do: it gets a few seconds for that.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["STOP_S", "Stopping", "stopping"]

STOP_S = 4.3  # for a clean end, of the five seconds in which every process ends
_ENDING = (signal.SIGTERM, signal.SIGINT)
_log = logging.getLogger(__name__)


class Stopping:
    """The state of a process that is to end. There is one, `stopping`.

    Parameters
    ----------
    within_s
        Seconds from the first signal until the process is ended wherever it is.
    end
        Ends the process.
    """

    def __init__(self, within_s: float = STOP_S, end: Callable[[int], None] = os._exit) -> None:
        self._within_s, self._end = within_s, end
        self._seen = {"handler": 0, "thread": 0}
        self._number = 0
        self._on_stop: Callable[[], None] | None = None
        self.asked = threading.Event()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT meanwhile; for the main thread, for all of a process. In another thread it does nothing.

        A thread sees signals too: while the main thread is inside a query, no handler of Python's runs.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        reading, writing = socket.socketpair()
        with writing:
            writing.settimeout(0)
            wakeup = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
            threading.Thread(target=self._watch, args=(reading,), name="stopping", daemon=True).start()
            before = [(number, signal.signal(number, self._handle)) for number in _ENDING]
            try:
                yield
            finally:
                for number, handler in before:
                    signal.signal(number, handler)
                signal.set_wakeup_fd(wakeup)

    @contextmanager
    def calling(self, on_stop: Callable[[], None]) -> Iterator[None]:
        """Have the first signal call `on_stop`, in the main thread, instead of ending what the main thread is at.

        It is called at once where a signal came before.
        """
        before, self._on_stop = self._on_stop, on_stop
        try:
            if self.asked.is_set():
                on_stop()
            yield
        finally:
            self._on_stop = before

    def noted(self, number: int, by: str = "handler") -> None:
        """Note a signal that another handler received: the first begins the deadline, a second ends the process."""
        self._seen[by] += 1
        if self._seen[by] > 1:
            self._end_now("a second signal")
            return
        if not self._number:
            self._number = number
            timer = threading.Timer(self._within_s, self._end_now, ("the deadline",))
            timer.daemon = True
            timer.start()
        self.asked.set()

    @property
    def status(self) -> int:
        """The exit status of a process that did not end by itself: 143 for SIGTERM, 130 for SIGINT."""
        return 128 + (self._number or signal.SIGTERM)

    def finish(self, status: int) -> None:
        """End the process with a status, after a signal, where threads are left that need not be waited for.

        For the end of the main thread, when everything that is to be closed is closed: what is left is a query, say, that does
        not end when it is ordered to.
        """
        left = [
            thread.name
            for thread in threading.enumerate()
            if thread is not threading.main_thread() and not thread.daemon
        ]
        if self.asked.is_set() and left:
            _log.info("not waiting for %s", ", ".join(sorted(left)))
            _flush()
            self._end(status)

    def _handle(self, number: int, _: FrameType | None) -> None:
        self.noted(number)
        if self._on_stop is not None:
            self._on_stop()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(self.status)

    def _watch(self, reading: socket.socket) -> None:
        with reading:
            while numbers := reading.recv(16):
                for number in numbers:
                    if number in _ENDING:
                        self.noted(number, by="thread")

    def _end_now(self, why: str) -> None:
        said = f"journey: ended by {why}; what was accepted is safe, and the next start goes on from there\n"
        try:
            os.write(2, said.encode())
            _flush()
        finally:
            self._end(self.status)


def _flush() -> None:
    """Give out what was printed; nothing is waited for that may hang."""
    flusher = threading.Thread(target=_flushed, daemon=True)
    flusher.start()
    flusher.join(0.2)


def _flushed() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


stopping = Stopping()
