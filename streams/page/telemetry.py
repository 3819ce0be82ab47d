"""Answers /health and /ready of `journey up` over a server, where it serves the page alone."""

import threading
from concurrent.futures import TimeoutError as NotInTimeError

from streams.clock import from_us, system_clock
from streams.settings import Settings
from streams.store.clickhouse import QueryError
from streams.store.connections import ConnectionPool, OverloadedError, StuckError, opener
from streams.store.port import StoreError
from streams.store.query_settings import READING
from streams.telemetry import logs
from streams.telemetry.health import Answer
from streams.telemetry.metrics import Metrics
from streams.telemetry.process import Telemetry

__all__ = ["PageTelemetry"]

_EVERY_S, _ANSWER_S = 5.0, 4.0
_NAME = "page"


class PageTelemetry(Telemetry):
    """The telemetry of the page over a server: asks the server every five seconds whether it answers."""

    def __init__(self, settings: Settings) -> None:
        self._all, self._away = settings, ""
        self._connection = ConnectionPool(opener(settings, READING), threads=1, what="health of the page")
        self._over = threading.Event()
        self._asking = threading.Thread(target=self._ask, name="page-health", daemon=True)
        self.metrics = Metrics("page")
        self.metrics.read_from(lambda: [("journey_ready", (_NAME,), float(not self._away))])
        super().__init__(
            settings.worker, self.metrics, health=self.health, ready=self.health, look=lambda: ()
        )

    def start(self) -> None:
        """Log as the settings say, listen. Raises SettingsError."""
        logs.install(self._all)
        super().start()
        self._asking.start()

    def stop(self) -> None:
        """Stop listening."""
        self._over.set()
        super().stop()
        self._connection.close()

    def health(self) -> Answer:
        """Answer /health and /ready: 503 while the server does not answer."""
        return Answer.of(
            "waiting" if self._away else "ok", [self._away] if self._away else [], good=not self._away
        )

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                self._connection.submit(lambda store: store.rows("SELECT 1")).result(_ANSWER_S)
                self._away = ""
            except (StoreError, QueryError, StuckError, OverloadedError, NotInTimeError) as error:
                if not self._away:
                    since = from_us(system_clock()).isoformat(timespec="seconds")
                    self._away = f"waiting for the store since {since}: {type(error).__name__}"
            self._over.wait(_EVERY_S)
