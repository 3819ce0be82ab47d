"""Exports a listener's counts as metrics, answers /health and /ready, and logs a line of counts every minute."""

import logging
import time
from collections.abc import Iterable

from streams.clock import Clock, from_us
from streams.listen.outbox import Tally
from streams.listen.sender import Sender
from streams.listen.state import State
from streams.mood.moods import moods_of
from streams.settings import Settings
from streams.telemetry.health import Answer
from streams.telemetry.metrics import Metrics, Sample
from streams.telemetry.process import Telemetry

__all__ = ["ListenTelemetry", "Report"]

_EVERY_S = 60.0
_log = logging.getLogger(__name__)


class Report:
    """The line of counts."""

    def __init__(self, name: str, tally: Tally, state: State) -> None:
        self._name, self._tally, self._state = name, tally, state
        self._next_s = time.monotonic() + _EVERY_S

    def tick(self) -> None:
        """Log the line where a minute is over."""
        if time.monotonic() >= self._next_s:
            self.log()

    def log(self) -> None:
        """Log the line."""
        self._next_s = time.monotonic() + _EVERY_S
        tally = self._tally
        parts = [
            f"{tally.messages:,} messages",
            f"{sum(tally.sent.values()):,} events{_listed(tally.sent)}",
            f"{sum(tally.refused.values()):,} refused{_listed(tally.refused)}",
            f"passed over{_listed(tally.passed) or ': nothing'}",
            f"{tally.repeats:,} repeats",
            f"{self._state.remembered:,} remembered",
            *([f"{self._state.forgotten:,} forgotten"] if self._state.forgotten else []),
            *([f"read up to {from_us(tally.at_us).isoformat(timespec='seconds')}"] if tally.at_us else []),
        ]
        _log.info("%s: %s", self._name, "; ".join(parts))


def _listed(counts: dict[str, int]) -> str:
    found = ", ".join(f"{name} {count:,}" for name, count in sorted(counts.copy().items()))
    return f" ({found})" if found else ""


class ListenTelemetry(Telemetry):
    """The telemetry of `journey listen`."""

    def __init__(self, settings: Settings, tally: Tally, state: State, sender: Sender, clock: Clock) -> None:
        self._tally, self._state, self._sender, self._clock = tally, state, sender, clock
        self._languages = settings.languages
        self.metrics = Metrics("listener")
        self.metrics.read_from(self.samples)
        super().__init__(
            settings.worker, self.metrics, health=self.health, ready=self.health, look=lambda: ()
        )

    def health(self) -> Answer:
        """Answer /health and /ready: 503 while the network is not read, or the collector takes nothing."""
        reasons = [why for why in (self._tally.trouble, self._sender.trouble) if why]
        return Answer.of("waiting" if reasons else "ok", reasons, good=not reasons)

    def samples(self) -> Iterable[Sample]:
        """Return the metrics that are read from the counts."""
        tally, state = self._tally, self._state
        yield "journey_listen_messages_total", (), tally.messages
        yield "journey_listen_repeats_total", (), tally.repeats
        yield "journey_listen_connections_total", (), tally.connections
        yield from moods_of(self._languages).samples()
        yield "journey_listen_retries_total", (), self._sender.retries
        yield "journey_listen_remembered", (), state.remembered
        yield "journey_listen_forgotten_total", (), state.forgotten
        yield "journey_ready", ("listener",), float(not (tally.trouble or self._sender.trouble))
        if tally.at_us:
            yield "journey_listen_behind_seconds", (), max(0.0, (self._clock() - tally.at_us) / 1e6)
        for kind, count in tally.sent.copy().items():
            yield "journey_listen_events_total", (kind,), count
        for reason, count in tally.refused.copy().items():
            yield "journey_listen_refused_total", (reason,), count
        for reason, count in tally.passed.copy().items():
            yield "journey_listen_passed_over_total", (reason,), count
