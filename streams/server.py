"""The shell around a server: what commands ask of ClickHouse when workers, not this process, write to it."""

from collections.abc import Iterable
from typing import Self

from journey.model import Model
from streams import models
from streams.clock import Clock, system_clock
from streams.edge import Edge
from streams.embedded import Embedded
from streams.engine import Outcome
from streams.frames import Frame
from streams.handle_keys import fitting, in_force
from streams.opening import open_server
from streams.ports import StoreError
from streams.settings import Settings, SettingsError

__all__ = ["Server", "Shell"]


class Server:
    """An opened server, with the model in force on it. Close it, or use it as a context.

    Raises
    ------
    StoreError
        It cannot be reached, or has no model.
    MigrationError
        Its tables are not those of this program.
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.clock = clock
        self.store = open_server(settings)
        try:
            self.model = self._model_in_force()
        except BaseException:
            self.store.close()
            raise

    def _model_in_force(self) -> Model:
        found = models.in_force(self.store.client)
        if found is None:
            raise StoreError(f"no A-Path model is in force on {self.store.address}: run journey migrate")
        return found.parsed()

    @property
    def key(self) -> bytes:
        """The key that handles are hashed with.

        Raises
        ------
        SettingsError
            None is set: of a server it is kept apart from the data. Or it is another than that of its handles.
        """
        if self.settings.handle_key is None:
            raise SettingsError(
                "JOURNEY_HANDLE_KEY: must be set to the key of this server's handles to find one by its value; "
                "by its hash, KIND:#0123456789abcdef, it is found without"
            )
        name = in_force(self.store)
        return fitting(self.settings.handle_key, name) if name else self.settings.handle_key

    def edge(self, *, trusted: bool = False) -> Edge:
        """Return an edge that hashes with the key."""
        return Edge(self.key, self.model.identity.nobody, trusted=trusted)

    def load(self, frames: Iterable[Frame]) -> Outcome:
        """Send frames to Kafka and wait until workers have written them to every table.

        Raises
        ------
        BrokerError
            Kafka cannot be used, or no worker processes what it has.
        """
        from streams.kafka.delivering import deliver  # noqa: PLC0415 - needs Kafka's client

        return deliver(frames, self.settings.kafka, self.store)

    def tick(self) -> Outcome:
        """Workers announce lapses by themselves."""
        return Outcome()

    def close(self) -> None:
        """Close the connection."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Shell = Embedded | Server
