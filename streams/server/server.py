"""Opens a ClickHouse server for commands, where workers, not this process, write to it."""

from collections.abc import Iterable
from typing import Any, Self

from journey.identity.handle_key import HandleKey
from journey.identity.rules import HandleRules
from journey.model import Model
from streams.apath import in_force
from streams.clock import Clock, system_clock
from streams.edge import Edge
from streams.engine.outcome import BatchOutcome
from streams.handles.edges import edge_with
from streams.handles.key import agreed, register
from streams.handles.rules import recorded, registered
from streams.log.frame import Frame
from streams.settings import Settings, SettingsError
from streams.store.open_server import open_server
from streams.store.port import StoreError

__all__ = ["Server"]


class Server:
    """An opened server, with its active model. Close it, or use it as a context.

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
        found = in_force.in_force(self.store.client)
        if found is None:
            raise StoreError(f"no A-Path model is in force on {self.store.address}: run journey migrate")
        return found.parsed()

    @property
    def key(self) -> HandleKey:
        """The key that handles are hashed with, in the mode of brands that this server is in.

        Raises
        ------
        SettingsError
            None is set: of a server it is kept apart from the data. Or it is another than that of its handles.
        """
        return agreed(self.store, self._given, self.settings.brands)

    @property
    def _given(self) -> bytes:
        if self.settings.handle_key is None:
            raise SettingsError(
                "JOURNEY_HANDLE_KEY: must be set to the key of this server's handles to find one by its value; "
                "by its hash, KIND:#0123456789abcdef, it is found without"
            )
        return self.settings.handle_key

    def edge(self, *, trusted: bool = False) -> Edge:
        """Return an edge that hashes with the key, which is recorded in the store where none was."""
        key = register(self.store, self._given, self.clock(), self.settings.brands)
        rules = registered(self.store, self.settings.handle_rules, self.clock())
        return edge_with(self.settings, key, self.model.identity.nobody, rules, trusted=trusted)

    @property
    def rules(self) -> HandleRules:
        """The rules by which values become handles, with the earlier ones of this server."""
        return recorded(self.store, self.settings.handle_rules)

    def load(self, frames: Iterable[Frame]) -> BatchOutcome:
        """Send frames to Kafka and wait until workers have written them to every table.

        Raises
        ------
        BrokerError
            Kafka cannot be used, or no worker processes what it has.
        """
        from streams.server.deliver import deliver  # noqa: PLC0415 - needs Kafka's client

        return deliver(frames, self.settings.kafka, self.store)

    def doubt(self) -> None:
        """Prepare for SQL of the owner's: of a server, nothing is counted when it is opened."""

    def tick(self) -> BatchOutcome:
        """Workers announce lapses by themselves."""
        return BatchOutcome()

    def announce(self, _now_us: int) -> BatchOutcome:
        """Workers announce lapses by themselves."""
        return BatchOutcome()

    def lost(self) -> list[dict[str, Any]]:
        """Return nothing: the files of a server are its own."""
        return []

    def to_rebuild(self) -> set[str]:
        """Return nothing, as `lost` does."""
        return set()

    def close(self) -> None:
        """Close the connection."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
