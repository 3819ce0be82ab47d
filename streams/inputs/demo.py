"""Writes a slow stream of simulated events into a log, for a demonstration of `journey up`."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from streams.clock import Clock, from_us
from streams.edge import Edge
from streams.inputs.simulate import simulate
from streams.log.sink import Sink, SinkError

__all__ = ["DemoTraffic"]

_PEOPLE, _DAYS = 300, 30
_PAUSE_S = 0.5
_DAY_US = 86_400_000_000
_log = logging.getLogger(__name__)


class DemoTraffic:
    """A thread that writes about two events a second: a month of a few hundred people, played in about an hour.

    Parameters
    ----------
    open_sink
        Opens the log, in the thread.
    """

    def __init__(self, edge: Edge, open_sink: Callable[[], Sink], clock: Clock) -> None:
        self._edge, self._open, self._clock = edge, open_sink, clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def use(self, edge: Edge) -> None:
        """Hash and validate with another key or model from now on."""
        self._edge = edge

    def stop(self) -> None:
        """End, and wait for it."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        sink = self._open()
        try:
            for event in self._events():
                if self._stopping.wait(_PAUSE_S):
                    return
                now_us = self._clock()
                line = json.dumps(event | {"time": from_us(now_us).isoformat()}).encode()
                try:
                    sink.write(self._edge.pack([line], topic="demo", now_us=now_us))
                except SinkError as error:
                    _log.warning("the demonstration goes on without an event: %s", error)
        finally:
            sink.close()

    def _events(self) -> Iterator[dict[str, Any]]:
        """Yield events without end; another start plays other people, so that none is a repeat."""
        seed = self._clock() // 1_000_000
        while True:
            start = from_us(self._clock() // _DAY_US * _DAY_US) - timedelta(days=_DAYS)
            yield from simulate(customers=_PEOPLE, days=_DAYS, seed=seed, start=start)
            seed += 1
