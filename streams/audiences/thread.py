"""Keeps audiences up to date on a thread and connections of its own, off the path of events."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing

from streams.audiences.upkeep import AudienceState, Refreshed, Upkeep
from streams.process.upkeep_thread import UpkeepThread
from streams.store.clickhouse import ClickHouse
from streams.telemetry.metrics import Sample

__all__ = ["AudienceThread", "samples"]

_CHANGES = ("entered", "left")


class AudienceThread(UpkeepThread[ClickHouse]):
    """A thread that looks at the audiences of a file, each by its cadence, until it is stopped.

    Parameters
    ----------
    open_store
        Opens a connection that may write, in the thread that uses it.
    """

    def __init__(self, upkeep: Upkeep, open_store: Callable[[], ClickHouse]) -> None:
        super().__init__(upkeep, open_store, "audiences")
        self._upkeep = upkeep
        self._told: Callable[[], None] = lambda: None

    def tell(self, wrote: Callable[[], None]) -> None:
        """Have somebody told, who returns at once, when audiences have changed; before the start."""
        self._told = wrote

    def refresh(self) -> Sequence[Refreshed]:
        """Look at all of them at once, for another thread."""
        with closing(self._open()) as store:
            found = self._upkeep.refresh(store)
        self._told()
        return found

    def samples(self) -> Iterable[Sample]:
        """Return the metrics."""
        return samples(self._upkeep.states)

    def _step(self, store: ClickHouse) -> float:
        before = self._upkeep.changed
        wait_s = super()._step(store)
        if self._upkeep.changed != before:
            self._told()
        return wait_s


def samples(states: Sequence[AudienceState]) -> Iterable[Sample]:
    """Return the metrics of audiences."""
    for state in states:
        yield "journey_audience_members", (state.name,), state.members
        yield "journey_audience_look_seconds", (state.name,), state.took_s
        yield "journey_audience_errors_total", (state.name,), state.errors
        for change in _CHANGES:
            yield "journey_audience_changes_total", (state.name, change), state.changes[change]
