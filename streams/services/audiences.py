"""Keeps audiences in `journey up`, beside commands that change tables; or with `journey alerts watch`, on a server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from streams.audiences.alone import Exclusive, Fenced, unchanged
from streams.audiences.config import Audience, read
from streams.audiences.members import LIMITS, HeldError, Insert, Stamp, stamp
from streams.audiences.thread import AudienceThread
from streams.audiences.upkeep import Alone, Refreshed, Upkeep
from streams.clock import Clock, system_clock
from streams.embedded.embedded import Embedded
from streams.engine.shell import Shell
from streams.process.degraded import Degraded
from streams.services.long_work import BusyError, LongWork
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from streams.store.connections import opener

__all__ = ["Between", "kept_by", "refreshed"]


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


def kept_by(
    settings: Settings, alone: Alone, degraded: Degraded, clock: Clock = system_clock
) -> AudienceThread | None:
    """Return what keeps the audiences of the settings' file, on connections of its own; None without a file.

    Raises
    ------
    SettingsError
        The file cannot be used.
    """
    if settings.audiences is None:
        return None
    upkeep = Upkeep(read(settings.audiences), opener(settings, LIMITS), alone, clock, degraded)
    return AudienceThread(upkeep, opener(settings, None))


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
