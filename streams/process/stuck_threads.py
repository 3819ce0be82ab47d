"""Tracks threads of this process whose work cannot be interrupted: /health names them, and the shutdown ignores them."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streams.process.degraded import Degraded

__all__ = ["STUCK", "Stuck", "ended_in_any_case"]


class Stuck:
    """The threads that were given up, each with a sentence that says what it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sentences: dict[threading.Thread, str] = {}
        self._others: dict[tuple[str, str], str] = {}
        self._degraded = Degraded()

    def tell(self, degraded: Degraded) -> None:
        """Have the sentences of now and of later in this registry."""
        with self._lock:
            self._degraded = degraded
            for thread, sentence in self._sentences.items():
                degraded.set(("stuck", thread.name), sentence)
            for key, sentence in self._others.items():
                degraded.set(key, sentence)

    def tell_of(self, key: tuple[str, str], sentence: str) -> None:
        """Say something else of the threads that is degraded, such as that there are too few; "" where no longer."""
        with self._lock:
            if sentence:
                self._others[key] = sentence
                self._degraded.set(key, sentence)
            elif self._others.pop(key, ""):
                self._degraded.clear(key)

    def add(self, thread: threading.Thread, sentence: str) -> None:
        """Give a thread up."""
        with self._lock:
            self._sentences[thread] = sentence
            self._degraded.set(("stuck", thread.name), sentence)

    def ended(self, thread: threading.Thread) -> None:
        """Take a thread back that ended what it ran after all."""
        with self._lock:
            self._sentences.pop(thread, None)
            self._degraded.clear(("stuck", thread.name))

    def sentences(self) -> list[str]:
        """Return what runs still."""
        with self._lock:
            return [sentence for thread, sentence in self._sentences.items() if thread.is_alive()]


STUCK = Stuck()


@contextmanager
def ended_in_any_case(stuck: Stuck = STUCK) -> Iterator[None]:
    """Run what is inside; where a thread is stuck after it, end the process with the status that it would end with.

    The interpreter would wait for the engine's threads, and the engine for the query. What is inside has closed log
    and store by then.
    """
    status = 0
    try:
        yield
    except SystemExit as end:
        status = _status(end.code)
        raise
    except BaseException:
        status = 1
        if stuck.sentences():
            traceback.print_exc()
        raise
    finally:
        if stuck.sentences():
            _end(status)


def _status(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    sys.stderr.write(f"{code}\n")
    return 1


def _end(status: int) -> None:
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
