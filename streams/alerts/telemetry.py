"""Exports the watcher's metrics and answers /health and /ready for `journey alerts watch`."""

from collections.abc import Callable, Iterable

from streams.alerts.state import OUTCOMES, AlertState
from streams.clock import from_us
from streams.process.degraded import Degraded
from streams.settings import Settings
from streams.telemetry import logs
from streams.telemetry.health import Answer
from streams.telemetry.metrics import Metrics, Sample
from streams.telemetry.process import Telemetry

__all__ = ["WatcherTelemetry", "samples"]

_NAME = "alerts"


def samples(state: AlertState) -> Iterable[Sample]:
    """Return the metrics of a watcher, which are read from its state."""
    yield "journey_alert_blind_seconds", (), state.blind_s
    yield "journey_alert_look_seconds", (), state.look_s
    yield "journey_alert_looks_total", (), state.looks
    for standing, count in state.open_now.copy().items():
        yield "journey_alerts", standing, count
    for change, count in state.changes.copy().items():
        yield "journey_alert_changes_total", change, count
    for rule in state.rules:
        yield "journey_alert_rule_errors_total", (rule,), state.rule_errors[rule]
    for lane in state.lanes():
        yield "journey_alert_retries_total", (lane.receiver,), lane.failed
        yield "journey_alert_waiting", (lane.receiver,), lane.waiting
        yield "journey_alert_waiting_seconds", (lane.receiver,), lane.waiting_s
        for outcome in OUTCOMES:
            done = state.deliveries[lane.receiver, outcome]
            yield "journey_alert_deliveries_total", (lane.receiver, outcome), done
    for feed in state.feeds():
        yield "journey_feed_deliveries_total", (feed.receiver, "delivered"), feed.delivered
        yield "journey_feed_deliveries_total", (feed.receiver, "refused"), feed.refused
        yield "journey_feed_retries_total", (feed.receiver,), feed.failed
        waiting_us = feed.waiting_us
        waited_s = max(0, state.clock() - waiting_us) / 1e6 if waiting_us else 0.0
        yield "journey_feed_waiting_seconds", (feed.receiver,), waited_s


class WatcherTelemetry(Telemetry):
    """The telemetry of `journey alerts watch`: made with the state, then `start`. `more` are metrics of what runs beside."""

    def __init__(
        self,
        settings: Settings,
        state: AlertState,
        degraded: Degraded | None = None,
        more: Callable[[], Iterable[Sample]] = lambda: (),
    ) -> None:
        self._all, self._state, self._degraded = settings, state, degraded or Degraded()
        self.metrics = Metrics("watcher")
        self.metrics.read_from(lambda: samples(state))
        self.metrics.read_from(more)
        self.metrics.read_from(lambda: [("journey_ready", (_NAME,), float(state.is_fed))])
        super().__init__(settings.worker, self.metrics, health=self.health, ready=self.ready, look=lambda: ())

    def start(self) -> None:
        """Log as the settings say, listen. Raises SettingsError."""
        logs.install(self._all)
        super().start()

    def health(self) -> Answer:
        """Answer /health: 503 while looks fail; which brands are not watched, or not yet, is degraded."""
        since = from_us(self._state.progress_us).isoformat(timespec="seconds").replace("+00:00", "Z")
        reasons = [f"no look since {since}: {self._state.error}"] if self._state.error else []
        return Answer.of(
            "waiting" if reasons else "ok",
            reasons,
            good=not reasons,
            degraded=self._degraded.sentences(),
        )

    def ready(self) -> Answer:
        """Answer /ready: whether history is there, so that spikes are seen."""
        if self._state.is_fed:
            return Answer.of("ready", [], good=True)
        return Answer.of("not ready", [self._state.error or "detectors are fed with history"], good=False)
