"""Defines the shell protocol: what commands need of the place where the data are, a data directory or a server."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from journey.identity.handle_key import HandleKey
from journey.identity.rules import HandleRules
from journey.model import Model
from streams.clock import Clock
from streams.edge import Edge
from streams.engine.outcome import BatchOutcome
from streams.log.frame import Frame
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse

__all__ = ["Shell", "Tell"]

Tell = Callable[[str, int, int], None]
"""Called with the progress of long work: what is worked at, how many parts of it are done, and of how many (0: unknown)."""


class Shell(Protocol):
    """An opened data directory (`streams.embedded`), or an opened server whose tables workers write (`streams.server`).

    `store.shared` distinguishes them where it matters that others may write meanwhile.

    Attributes
    ----------
    model
        The active A-Path model.
    """

    settings: Settings
    clock: Clock
    store: ClickHouse
    model: Model

    @property
    def key(self) -> HandleKey:
        """The key that hashes handles. Raises KeyLostError or SettingsError where there is none."""

    @property
    def rules(self) -> HandleRules:
        """The rules by which values become handles, with the earlier ones of this store."""

    def edge(self, *, trusted: bool = False) -> Edge:
        """Return an edge that hashes handles with the key."""

    def load(self, frames: Iterable[Frame]) -> BatchOutcome:
        """Process frames; every table has them when this returns."""

    def doubt(self) -> None:
        """Prepare for SQL of the owner's, which may delete rows."""

    def tick(self) -> BatchOutcome:
        """Announce the stages that have lapsed by now, where nobody else does."""

    def announce(self, now_us: int) -> BatchOutcome:
        """Announce the stages that have lapsed at an instant, where nobody else does."""

    def lost(self) -> list[dict[str, Any]]:
        """Return what files and tables have lost, a row each; empty where that cannot be known."""

    def to_rebuild(self) -> set[str]:
        """Return the tables that a rebuild repairs, as far as `lost` knows."""
