"""Keeps audiences and their destinations in `journey up`, beside commands that change tables; or with `journey alerts watch`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from streams.audiences.alone import Exclusive, Fenced, unchanged
from streams.audiences.config import Audience, read
from streams.audiences.members import LIMITS, HeldError, Insert, Stamp, stamp
from streams.audiences.thread import AudienceThread
from streams.audiences.upkeep import Alone, Refreshed, Upkeep
from streams.clock import Clock, system_clock
from streams.destinations.config import read as read_destinations
from streams.destinations.delivery import Destinations
from streams.embedded.embedded import Embedded
from streams.engine.shell import Shell
from streams.process.degraded import Degraded
from streams.services.long_work import BusyError, LongWork
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from streams.store.connections import opener
from streams.telemetry.metrics import Sample

__all__ = ["Between", "Kept", "kept_by", "refreshed"]


class Between:
    """`journey up`: audiences are written between two commands that change tables, and an answer during one does not count."""

    def __init__(self, long: LongWork, losses: Callable[[], str]) -> None:
        self._long, self._losses = long, losses

    def stamp(self, store: ClickHouse) -> Stamp:
        """Return what an answer relies on, with how many commands were at work so far. Raises HeldError."""
        turns = self._long.turns
        if who := self._long.at_work:
            raise HeldError(who)
        if lost := self._losses():
            raise HeldError(lost)
        return turns, stamp(store)

    @contextmanager
    def writing(self, store: ClickHouse, stamp: Stamp) -> Iterator[tuple[Insert, int]]:
        """Keep commands away; yield what inserts, and the highest number. Raises HeldError."""
        turns, before = stamp
        assert isinstance(before, tuple)  # noqa: S101 - as `stamp` has it
        try:
            with self._long.kept_away():
                if self._long.turns != turns:
                    raise HeldError("a command has changed tables meanwhile")
                yield store.insert, unchanged(store, before)
        except BusyError as error:
            raise HeldError(str(error)) from error


class Kept:
    """Audiences and their destinations, until they are stopped; a destination is told at once of who enters and leaves.

    Parameters
    ----------
    destinations
        None where the file has none.
    """

    def __init__(self, audiences: AudienceThread, destinations: Destinations | None) -> None:
        self._audiences, self._destinations = audiences, destinations
        if destinations is not None:
            audiences.tell(destinations.wrote)

    def start(self) -> None:
        """Begin."""
        self._audiences.start()
        if self._destinations is not None:
            self._destinations.start()

    def refresh(self) -> Sequence[Refreshed]:
        """Look at all audiences at once, for another thread."""
        return self._audiences.refresh()

    def samples(self) -> Iterable[Sample]:
        """Return the metrics."""
        yield from self._audiences.samples()
        if self._destinations is not None:
            yield from self._destinations.samples()

    def end(self) -> None:
        """Begin with nothing more; returns at once."""
        self._audiences.end()
        if self._destinations is not None:
            self._destinations.end()

    def stop(self) -> None:
        """End, without a long wait."""
        self._audiences.stop()
        if self._destinations is not None:
            self._destinations.stop()


def kept_by(settings: Settings, alone: Alone, degraded: Degraded, clock: Clock = system_clock) -> Kept | None:
    """Return what keeps the audiences of the settings' file and their destinations, on connections of its own; None without a file.

    Raises
    ------
    SettingsError
        The file cannot be used, or a destination cannot be served here.
    StoreError
        The store does not answer.
    """
    if settings.audiences is None:
        return None
    audiences, found = read(settings.audiences), read_destinations(settings.audiences)
    upkeep = Upkeep(audiences, opener(settings, LIMITS), alone, clock, degraded)
    destinations = Destinations(found, audiences, settings, clock=clock, degraded=degraded) if found else None
    return Kept(AudienceThread(upkeep, opener(settings, None)), destinations)


def refreshed(shell: Shell, audiences: Sequence[Audience]) -> Sequence[Refreshed]:
    """Look at audiences at once: on a server, or in a data directory that this process has open.

    Raises
    ------
    LossError
        Tables have lost rows: members would seem to have left.
    """
    alone: Alone = Fenced()
    if isinstance(shell, Embedded):
        shell.refuse_losses()
        alone = Exclusive()
    upkeep = Upkeep(audiences, opener(shell.settings, LIMITS), alone, shell.clock)
    try:
        return upkeep.refresh(shell.store)
    finally:
        upkeep.close()
