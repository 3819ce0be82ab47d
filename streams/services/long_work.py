"""Does long work beside the engine, which goes on with batches: it is prepared here, and takes effect between two batches.

What is prepared runs in the thread of the command that asks, on connections of its own, most of it on a copy of the tables.
One such command is at work at a time: each takes for granted that the tables change by batches alone.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from journey.errors import UserError
from journey.model import Model
from schemas.apath import parse_model
from streams.clock import from_us, system_clock
from streams.embedded import change_model, forget
from streams.embedded.embedded import Embedded
from streams.embedded.expire import expire_beside
from streams.engine.engine import Engine
from streams.erasure import statements
from streams.handles.links import handles_of
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import rebuild
from streams.recovery.rebuild_beside import Copy, switch
from streams.services.control_tasks import Asked, order_of, said
from streams.services.engine_thread import EndingError, EngineThread
from streams.services.snapshots import Snapshots
from streams.store.calls import MARK
from streams.store.clickhouse import DATABASE, ClickHouse
from streams.store.kept import PATHS
from streams.store.statements import MEMORY_BYTES

__all__ = ["FINISHED", "BusyError", "LongWork"]

Result = TypeVar("Result")

FINISHED = "long-work"
"""The mark of statements that go on when the command goes: they are ended with the process."""

_PATIENCE_S = 5.0  # that a command waits for another
_log = logging.getLogger(__name__)


class BusyError(UserError, RuntimeError):
    """An error of a command that found another at work: both change tables."""


class LongWork:
    """The commands that change more than a batch does, one at a time.

    Parameters
    ----------
    folder
        Of the engine's data.
    threads
        That a statement may take: the rest is the engine's.

    Attributes
    ----------
    snapshots
        The copies of the tables.
    turns
        How many have been at work so far.
    """

    def __init__(self, folder: Path, engine: EngineThread, snapshots: Snapshots, threads: int) -> None:
        self._dsn, self._engine, self.snapshots = f"chdb://{folder.resolve()}", engine, snapshots
        self._limits = {"max_threads": threads, "max_memory_usage": MEMORY_BYTES}
        self._turn = threading.Lock()
        self._at_work = ""
        self.turns = 0

    @contextmanager
    def turn(self, who: str) -> Iterator[None]:
        """Be the one that is at work.

        Raises
        ------
        BusyError
            Another is, and goes on for some time.
        """
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise BusyError(f"not now: {self._at_work}; give the command again when that has ended")
        try:
            self.turns += 1
            self._at_work = f"{who} is at work since {from_us(system_clock()):%H:%M:%S} UTC"
            yield
        finally:
            self._turn.release()

    @property
    def at_work(self) -> str:
        """Who is at work, and since when; "" for nobody."""
        return self._at_work if self._turn.locked() else ""

    @contextmanager
    def kept_away(self) -> Iterator[None]:
        """Have others wait for a moment, which is not a turn. Raises BusyError where one is at work."""
        if not self._turn.acquire(blocking=False):
            raise BusyError(f"not now: {self._at_work}")
        try:
            yield
        finally:
            self._turn.release()

    def can_do(self, what: str, asked: Asked) -> bool:
        """Return whether a command can be done beside the engine, as the tables are; else it is a task between two batches."""
        return what in _BESIDE and self.between(lambda embedded: _BESIDE[what].can(embedded, asked))

    def done(self, what: str, asked: Asked, mark: str) -> Any:
        """Do a command that can be; `mark` is that of statements that are ended when the command goes."""
        return _BESIDE[what].do(self, asked, mark)

    def between(self, work: Callable[[Embedded], Result]) -> Result:
        """Have something done between two batches."""
        return self._engine.submit(work).result()

    @contextmanager
    def connection(self, mark: str, database: str = DATABASE) -> Iterator[ClickHouse]:
        """Open a connection whose statements are ended by a mark."""
        with closing(ClickHouse(self._dsn, limits=self._limits | {MARK: mark})) as store:
            store.database = store.client.database = database
            yield store

    @contextmanager
    def copy(self, mark: str) -> Iterator[tuple[ClickHouse, int]]:
        """Open a copy of all tables as of an instant between two batches; yield both."""
        with self.snapshots.taken() as (name, at_us), self.connection(mark, name) as copy:
            yield copy, at_us


def _apply(work: LongWork, asked: Asked, mark: str) -> Any:
    text = str(asked.head["toml"])
    model = _model(asked)
    embedded = work.between(lambda embedded: embedded)
    with work.connection(mark) as store:
        change_model.begin(store, model)
    with work.copy(mark) as (copy, _):
        change_model.weigh(copy, model, asked.check)
        engine = embedded.restored(copy, model)
    asked.check()

    def activate(embedded: Embedded) -> int:
        done = change_model.activate(embedded, model, text, engine)
        asked.use(embedded)
        return done.stage_changes

    return work.between(activate)


def _forget(work: LongWork, asked: Asked, _: str) -> Any:
    """Erase customers. Once it is begun, it is finished, whether the command goes or not."""
    handles, head = [int(each) for each in asked.head["handles"]], asked.head
    with work.connection(FINISHED) as store, work.snapshots.held():
        found = statements.count(store, handles_of(store, *handles))
        if found.nothing and not head["consent"]:
            return {"receipt": "", "erased": asdict(found)}
        begin = partial(
            forget.begin, handles=handles, reason=str(head["reason"]), consent=str(head["consent"])
        )
        receipt = work.between(begin)
        try:
            _erase(work, store, receipt)
        except EndingError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            _log.warning("an erasure is finished between two batches, since beside them it failed: %s", error)
            work.between(lambda embedded: embedded.finish_erasures())
        erased = statements.receipt_of(store, receipt)
    return {"receipt": receipt, "erased": asdict(erased or found)}


def _erase(work: LongWork, store: ClickHouse, receipt: str) -> None:
    embedded = work.between(lambda embedded: embedded)
    forget.erase(store, receipt, embedded.clock(), work.between)
    with work.copy(FINISHED) as (copy, _):
        engine = embedded.restored(copy, embedded.model)
    work.between(lambda embedded: forget.end(embedded, receipt, engine))


def _rebuild(work: LongWork, asked: Asked, mark: str) -> Any:
    embedded = work.between(lambda embedded: embedded)
    with work.copy(mark) as (copy, at_us):
        order = order_of(asked, at_us)
        before = copy.sequences()
        done = rebuild(copy, embedded.model, order)
        if not order.dry_run:
            engine = embedded.restored(copy, embedded.model)
            offset, after = engine.restored_to
            made = Copy(copy.database, order.tables, offset, before, after)
            asked.check()
            work.between(lambda embedded: _switch(embedded, made, engine))
    return [asdict(one) for one in done]


def _switch(embedded: Embedded, made: Copy, engine: Engine) -> None:
    switch(embedded.store, embedded.model, made)
    embedded.bring_up_to_date(engine)
    embedded.go_over(engine)
    embedded.tick()


def _expire(work: LongWork, asked: Asked, mark: str) -> Any:
    """Expire what is due. Of what has expired when the command goes, the next expiry finishes the deletion."""
    late_too = bool(asked.head["late_too"])
    with work.connection(mark) as store:
        found = expire_beside(store, work.between, asked.check, asked.progress, late_too=late_too)
    return [said(each) for each in found]


def _can_expire(embedded: Embedded, _: Asked) -> bool:
    return not (embedded.losses.found or statements.pending(embedded.store))


def _can_apply(embedded: Embedded, asked: Asked) -> bool:
    return _model(asked).hash != embedded.model.hash and not embedded.losses.found


def _can_forget(embedded: Embedded, _: Asked) -> bool:
    return forget.can_go_on(embedded)


def _can_rebuild(embedded: Embedded, asked: Asked) -> bool:
    return set(asked.head["tables"]) <= {*FOLLOWING, PATHS} and not (
        embedded.losses.found or embedded.to_rebuild()
    )


def _model(asked: Asked) -> Model:
    return parse_model(str(asked.head["toml"]), name=str(asked.head["name"]))


class _Command(NamedTuple):
    """A command that can be done beside the engine, as long as `can` says so."""

    can: Callable[[Embedded, Asked], bool]
    do: Callable[[LongWork, Asked, str], Any]


_BESIDE: Mapping[str, _Command] = {
    "apply": _Command(_can_apply, _apply),
    "expire": _Command(_can_expire, _expire),
    "forget": _Command(_can_forget, _forget),
    "rebuild": _Command(_can_rebuild, _rebuild),
}
