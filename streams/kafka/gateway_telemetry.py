"""Exports a gateway's state as metrics, answers /health and /ready, and detects stalls."""

import time
from collections.abc import Callable, Iterable

from schemas.topics import EVENTS_IN
from streams.clock import Clock, from_us, system_clock
from streams.kafka.gateway_state import GatewayState
from streams.mood.moods import moods_of
from streams.settings import Settings
from streams.telemetry import logs
from streams.telemetry.health import Answer
from streams.telemetry.metrics import Metrics, Sample
from streams.telemetry.process import Telemetry
from streams.telemetry.stall import Standstill

__all__ = ["GatewayTelemetry"]

_NAME = "gateway"


class GatewayTelemetry(Telemetry):
    """Made before the gateway, which is to call `took`; its state is given to `start`."""

    def __init__(
        self, settings: Settings, *, clock: Clock = system_clock, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._all, self._clock, self._now = settings, clock, now
        self._state = GatewayState(started_us=clock(), progress_us=clock())
        self._still = Standstill()
        self.metrics = Metrics("gateway")
        self.metrics.read_from(self.samples)
        super().__init__(settings.worker, self.metrics, health=self.health, ready=self.ready, look=self.look)

    def watch(self, state: GatewayState) -> None:
        """Watch this state, then `start`."""
        self._state = state

    def start(self) -> None:
        """Log as the settings say, listen and watch. Raises SettingsError."""
        logs.install(self._all)
        super().start()

    def took(self, since_us: int) -> None:
        """Note that records, the oldest of which is of that instant (0 or less: unknown), are in acknowledged frames."""
        if since_us > 0:
            self.metrics.observe("journey_gateway_seconds", (self._clock() - since_us) / 1e6)

    def look(self) -> tuple[str, ...]:
        """Return what has stalled, in words: a session that neither goes on nor fails."""
        state = self._state
        self._still.look(state.progress_us, self._now(), excused=bool(state.error))
        return self._stalled()

    def _stalled(self) -> tuple[str, ...]:
        seconds = self._still.seconds(self._now())
        if seconds < self._all.worker.stall_s:
            return ()
        return (
            f"nothing was read or found missing in {EVENTS_IN} for {seconds:.0f} s, though Kafka gave no error",
        )

    def health(self) -> Answer:
        """Answer /health."""
        state, stalled = self._state, self._stalled()
        waiting = (
            [f"waiting for Kafka since {_instant(state.progress_us)}: {state.error}"] if state.error else []
        )
        status = "stalled" if stalled else "waiting" if waiting else "ok"
        return Answer.of(
            status,
            [*stalled, *waiting],
            good=not (stalled or waiting),
            degraded=state.lost.degraded.sentences() or None,
            lag_records=sum(state.lag.values()),
        )

    def ready(self) -> Answer:
        """Answer /ready."""
        state = self._state
        if state.ready:
            return Answer.of("ready", [], good=True)
        return Answer.of("not ready", [state.error or "connecting to Kafka"], good=False)

    def samples(self) -> Iterable[Sample]:
        """Return the metrics that are read from the state."""
        state = self._state
        yield "journey_gateway_events_total", (), state.events
        yield "journey_gateway_frames_total", (), state.frames
        yield "journey_gateway_sessions_total", (), state.sessions
        yield "journey_ready", (_NAME,), float(state.ready)
        yield "journey_broker_answers", (), float(not state.error)
        yield "journey_standstill_seconds", (_NAME,), self._still.seconds(self._now())
        yield from state.lost.samples()
        yield from moods_of(self._all.languages).samples()
        for reason, count in state.dead_letters.items():
            yield "journey_gateway_refused_total", (reason,), count
        for partition, lag in state.lag.items():
            yield "journey_lag_records", (EVENTS_IN, str(partition)), lag
        for partition, offset in state.committed.items():
            yield "journey_acknowledged_offset", (EVENTS_IN, str(partition)), offset


def _instant(at_us: int) -> str:
    return from_us(at_us).isoformat(timespec="seconds").replace("+00:00", "Z")
