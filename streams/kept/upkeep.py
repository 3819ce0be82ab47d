"""Brings the kept paths up to date, again and again: of customers whose path changed, or of everybody where none is right."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from streams.audiences.members import HeldError
from streams.audiences.upkeep import Alone, told
from streams.clock import Clock
from streams.kept import paths
from streams.kept.paths import Mark
from streams.process.degraded import Degraded
from streams.store.clickhouse import ClickHouse
from streams.store.connections import ConnectionPool
from streams.telemetry.metrics import Sample

__all__ = ["KEPT_FROM", "KeptState", "PathUpkeep"]

KEPT_FROM = 250_000
"""Interactions below which no paths are kept: the definition answers in about half a second."""

_SLICE_ROWS = 1_000_000  # interactions of the customers whose paths are computed together
_LEAST_S = 5.0  # from one look to the next
_REST = 9.0  # times as long as a look took: upkeep takes a tenth of one core at most
_HELD_S = 1.0
_FAILED_S = 60.0


@dataclass(slots=True)
class KeptState:
    """How the kept paths are: whether they are taken, how many were not right at the last look, what it cost."""

    is_kept: bool = False
    stale: int = 0
    took_s: float = 0.0
    written: int = 0
    errors: int = 0
    at_s: float | None = None  # of the last look that ended well, by the monotonic clock


class PathUpkeep:
    """The upkeep of the kept paths.

    Parameters
    ----------
    open_reader
        Opens a connection with `paths.LIMITS`, on which they are computed.
    alone
        Keeps others away while something is written.
    kept_from
        How many interactions there must be for paths to be kept.
    """

    def __init__(
        self,
        open_reader: Callable[[], ClickHouse],
        alone: Alone,
        clock: Clock,
        degraded: Degraded | None = None,
        kept_from: int = KEPT_FROM,
    ) -> None:
        self._alone, self._clock, self._kept_from = alone, clock, kept_from
        self._degraded = degraded or Degraded()
        self._connections = ConnectionPool(open_reader, threads=1, what="kept paths")
        self.state = KeptState()
        self._found: Mark | None = None  # how things were when nothing was stale

    def samples(self) -> Iterable[Sample]:
        """Return the metrics."""
        state = self.state
        yield "journey_kept_paths_in_use", (), int(state.is_kept)
        yield "journey_kept_paths_stale", (), state.stale
        yield "journey_kept_paths_written_total", (), state.written
        yield "journey_kept_paths_errors_total", (), state.errors
        yield "journey_kept_paths_look_seconds", (), state.took_s
        yield (
            "journey_kept_paths_behind_seconds",
            (),
            0.0 if state.at_s is None else time.monotonic() - state.at_s,
        )

    def close(self) -> None:
        """End the query that runs, wait a moment for that, and close its connection."""
        self._connections.close()

    def step(self, store: ClickHouse, is_over: Callable[[], bool] = lambda: False) -> float:
        """Look once, and write what changed; return after how many seconds to look again. Raises nothing.

        Parameters
        ----------
        store
            A connection of the thread that calls, which may write.
        is_over
            Whether no more is to be computed.
        """
        began_s = time.monotonic()
        try:
            self.keep(store, is_over)
        except HeldError:
            return _HELD_S
        except Exception as error:  # noqa: BLE001 - views compute what is not kept
            self.state.errors += 1
            self._degraded.set(
                "kept paths",
                f"paths are computed for each question, since they cannot be kept: {told(error, 'kept paths')}",
            )
            return _FAILED_S
        finally:
            self.state.took_s = time.monotonic() - began_s
        self._degraded.clear("kept paths")
        self.state.at_s = time.monotonic()
        return max(_LEAST_S, _REST * self.state.took_s)

    def keep(self, store: ClickHouse, is_over: Callable[[], bool] = lambda: False) -> None:
        """Bring the paths up to date once.

        Raises
        ------
        HeldError
            A command changes tables now, or another process writes.
        QueryError, StoreError
            The paths cannot be computed or written.
        """
        (row,) = store.rows("SELECT count() AS n FROM interactions")
        if row["n"] < self._kept_from:
            return
        stamp = self._alone.stamp(store)
        begun = paths.mark(store)
        if begun == self._found:
            return  # nothing has come, and nothing else was changed
        self._found = None
        self.state.is_kept, self.state.stale = paths.state(store)
        if not self.state.is_kept:
            self._make(store, begun, int(row["n"]) // _SLICE_ROWS + 1, is_over)
        elif self.state.stale:
            compute = partial(paths.stale, model=begun.of.model)
            rows = self._connections.submit(compute, "kept paths").result()
            with self._alone.writing(store, stamp) as (insert, _):
                number = self._number(store, begun)
                paths.write(insert, begun.of.model, rows, number)
                paths.write_mark(insert, begun, number)
            self.state.written += len(rows)
        else:
            self._found = begun

    def _make(self, store: ClickHouse, begun: Mark, slices: int, is_over: Callable[[], bool]) -> None:
        """Compute everybody's path, slice by slice, and then write the mark of the beginning."""
        for number in range(slices):
            if is_over():
                return
            stamp = self._alone.stamp(store)
            compute = partial(paths.everybody, model=begun.of.model, slices=slices, number=number)
            rows = self._connections.submit(compute, "kept paths").result()
            with self._alone.writing(store, stamp) as (insert, _):
                paths.write(insert, begun.of.model, rows, self._number(store, begun))
            self.state.written += len(rows)
        with self._alone.writing(store, self._alone.stamp(store)) as (insert, _):
            paths.write_mark(insert, begun, self._number(store, begun))
        self.state.is_kept, self.state.stale = paths.state(store)
        paths.drop_other_models(store, begun.of.model)

    def _number(self, store: ClickHouse, begun: Mark) -> int:
        """Return the number of what is written now; nobody else has written since. Raises HeldError."""
        of, last = paths.written(store)
        if of != begun.of:
            raise HeldError("another process has kept paths meanwhile, or tables were changed")
        return max(of.number + 1, last + 1, self._clock())
