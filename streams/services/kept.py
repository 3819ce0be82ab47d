"""Keeps the paths of customers in `journey up`, beside commands that change tables; or with `journey alerts watch`, on a server."""

from collections.abc import Iterable

from streams.audiences.upkeep import Alone
from streams.clock import Clock, system_clock
from streams.kept import paths
from streams.kept.upkeep import PathUpkeep
from streams.process.degraded import Degraded
from streams.process.upkeep_thread import UpkeepThread
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from streams.store.connections import opener
from streams.telemetry.metrics import Sample

__all__ = ["PathThread", "paths_kept_by"]


class PathThread(UpkeepThread[ClickHouse]):
    """A thread that brings the kept paths up to date until it is stopped."""

    def __init__(self, upkeep: PathUpkeep, settings: Settings) -> None:
        super().__init__(upkeep, opener(settings, None), "kept paths")
        self._upkeep = upkeep

    def samples(self) -> Iterable[Sample]:
        """Return the metrics."""
        return self._upkeep.samples()


def paths_kept_by(
    settings: Settings, alone: Alone, degraded: Degraded, clock: Clock = system_clock
) -> PathThread:
    """Return what keeps the paths of customers, on connections of its own."""
    return PathThread(PathUpkeep(opener(settings, paths.LIMITS), alone, clock, degraded), settings)
