"""A stream of events with a ledger, and what a restored directory must say of it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from tests.collector.server import BATCH, Collector, event
from tests.fixtures.commands import JOURNEY, run

__all__ = ["Stream", "ids", "journey", "streamed", "tried"]

HAND = 25


class Stream:
    """Sends events until it is told to stop; `acknowledged` are those that were answered with 202."""

    def __init__(self, up: Collector, key: str) -> None:
        self._up, self._key = up, key
        self._stopping = threading.Event()
        self.sent: list[dict] = []
        self.acknowledged: list[str] = []
        self.thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        number = 0
        while not self._stopping.wait(0.02):
            hand = [
                event(
                    f"s{number + n}",
                    type=("social.share", "web.purchase", "web.page_view")[n % 3],
                    data={"handles": {"cookie": f"c{n}", "email": f"p{number % 40}@example.org"}},
                )
                for n in range(HAND)
            ]
            number += HAND
            self.sent += hand
            try:
                answer = self._up.send(hand, self._key, kind=BATCH)
            except (OSError, HTTPException):
                continue
            if answer.status == 202:
                self.acknowledged += [each["id"] for each in hand]

    def stop(self) -> None:
        self._stopping.set()
        self.thread.join()


@contextmanager
def streamed(up: Collector, key: str) -> Iterator[Stream]:
    stream = Stream(up, key)
    stream.thread.start()
    try:
        yield stream
    finally:
        stream.stop()


def tried(*words, **environment):
    """Run a command to its end, whatever that is: JOURNEY_FAULT may name a write at which it is killed."""
    return run(
        [JOURNEY, *map(str, words)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def journey(*words, code=0, **environment):
    """Run a command that ends with a code; return what it printed, and its errors."""
    done = tried(*words, **environment)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def ids(data, **environment) -> list[str]:
    """Return the ids of the events in a directory, those that are there twice too."""
    told = journey(
        "sql", "SELECT id FROM interactions ORDER BY id", "--format", "TSV", "--data", data, **environment
    )
    return told.stdout.split()
