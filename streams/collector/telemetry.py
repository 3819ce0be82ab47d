"""Exports a collector's state as metrics, and answers /health and /ready."""

from collections.abc import Callable, Iterable, Sequence

from streams.clock import from_us
from streams.collector.state import CollectorState
from streams.collector.write_keys import Keyring
from streams.mood.moods import moods_of
from streams.process.degraded import Degraded
from streams.settings import Settings
from streams.telemetry import logs
from streams.telemetry.health import Answer
from streams.telemetry.metrics import Metrics, Sample
from streams.telemetry.process import Telemetry

__all__ = ["CollectorTelemetry"]

_NAME = "collector"


class CollectorTelemetry(Telemetry):
    """Made before the committer, which is to call `took`; its state is given to `watch`, then `start`.

    Parameters
    ----------
    trouble
        What else is wrong, in words: where the log is drained by this process, why it cannot.
    more
        Metrics of what else this process does.
    degraded
        What does not work as it should while events are accepted.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        trouble: Callable[[], Sequence[str]] = lambda: (),
        more: Callable[[], Iterable[Sample]] = lambda: (),
        degraded: Degraded | None = None,
    ) -> None:
        self._all, self._trouble = settings, trouble
        self._degraded = degraded or Degraded()
        self._state = CollectorState(progress_us=0)
        self._keyring: Keyring | None = None
        self.metrics = Metrics("collector")
        self.metrics.read_from(self.samples)
        self.metrics.read_from(more)
        super().__init__(settings.worker, self.metrics, health=self.health, ready=self.ready, look=lambda: ())

    def watch(self, state: CollectorState, keyring: Keyring) -> None:
        """Watch these."""
        self._state, self._keyring = state, keyring

    def start(self) -> None:
        """Log as the settings say, listen and watch. Raises SettingsError."""
        logs.install(self._all)
        super().start()

    def took(self, seconds: float) -> None:
        """Record how long the log needed for a group of requests."""
        self.metrics.observe("journey_collector_commit_seconds", seconds)

    def health(self) -> Answer:
        """Answer /health: 503 while the log takes nothing, or is not drained."""
        reasons = [*self._log_trouble(), *self._trouble()]
        if self._keyring is not None and self._keyring.error:
            reasons.append(
                "write keys cannot be read; those that are known hold on"
                if self._keyring.was_read
                else f"no event can be taken: {self._keyring.error}"
            )
        return Answer.of(
            "waiting" if reasons else "ok",
            reasons,
            good=not reasons,
            degraded=self._degraded.sentences(),
            lag_frames=self._state.lag,
        )

    def ready(self) -> Answer:
        """Answer /ready: whether events are accepted."""
        if self._state.is_ready:
            return Answer.of("ready", [], good=True)
        return Answer.of("not ready", self._log_trouble() or ["opening the log"], good=False)

    def _log_trouble(self) -> list[str]:
        state = self._state
        since = from_us(state.progress_us).isoformat(timespec="seconds").replace("+00:00", "Z")
        return [f"the log has taken nothing since {since}: {state.error}"] if state.error else []

    def samples(self) -> Iterable[Sample]:
        """Return the metrics that are read from the state."""
        state = self._state
        yield "journey_collector_accepted_total", (), state.accepted
        yield "journey_collector_duplicates_total", (), state.duplicates
        yield "journey_collector_frames_total", (), state.frames
        yield "journey_collector_waiting_bytes", (), state.waiting_bytes
        yield "journey_collector_lag_frames", (), state.lag
        yield "journey_collector_write_keys", (), len(self._keyring) if self._keyring is not None else 0
        yield "journey_collector_log_answers", (), float(not state.error)
        yield "journey_ready", (_NAME,), float(state.is_ready)
        yield from moods_of(self._all.languages).samples()
        for reason, count in state.rejected.items():
            yield "journey_collector_rejected_total", (reason,), count
        for reason, count in state.passed_over.items():
            yield "journey_collector_passed_over_total", (reason,), count
        for status, count in state.answers.items():
            yield "journey_collector_answers_total", (str(status),), count
