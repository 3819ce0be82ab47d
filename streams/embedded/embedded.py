"""Opens a data directory: the local log, the embedded ClickHouse engine, and the processors between them."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from journey.identity.handle_key import KEY_BYTES, AnyKey, HandleKey
from journey.model import Model
from journey.seen import Ids
from streams.apath import in_force
from streams.backup import image
from streams.backup.restore import RESTORED
from streams.clock import Clock, system_clock
from streams.collector.write_key_stores import damage_of
from streams.dead_letters import drop
from streams.edge import Edge
from streams.edge.readable import Sealing
from streams.embedded.lock import DirectoryInUseError, lock, lock_log
from streams.embedded.model_file import keep_model, kept_model
from streams.engine.engine import MAX_BATCH_FRAMES, Engine
from streams.engine.outcome import BatchOutcome
from streams.erasure import minutes, statements
from streams.erasure.suppressed_handles import U64, SuppressedHandles, without
from streams.faults import kill_point
from streams.handles import key as handle_keys
from streams.handles import readable_rows, rekey
from streams.handles.edges import edge_with
from streams.handles.key_file import KeyLostError, brands_file, keep_brands, key_file, promote
from streams.handles.readable_key_file import sealing_of
from streams.handles.rules_file import rules_file
from streams.handles.unknown_key import known
from streams.log.batch import Record
from streams.log.frame import Frame, FrameError, decode, encode
from streams.log.local import PARTITION, Log
from streams.process.private_files import private_directory
from streams.recovery import damaged_parts, losses, reconciliation, table_definitions, unreadable_parts
from streams.recovery.clean_close import CleanCloseMark
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.losses import REBUILT, Losses
from streams.recovery.rebuild import Order, Rebuilt, clear, rebuild, with_following
from streams.recovery.salvage import salvage, set_aside
from streams.recovery.torn_wal import torn
from streams.retention import expire, idle
from streams.settings import SEPARATE, Settings
from streams.store import announced_numbers, migrations, scratch
from streams.store.clickhouse import ClickHouse
from streams.store.kept import begin_epoch
from streams.store.later import later
from streams.store.port import LossError, StoreError

__all__ = ["DirectoryInUseError", "Embedded", "lock"]

_UNMERGED_BATCHES = 32  # parts of each table; ClickHouse slows inserts down at 1,000
_SMALL_BYTES = 2 * 2**20  # of frames from single requests: no more events than in a batch of full ones
_log = logging.getLogger(__name__)


class Embedded:
    """An opened data directory: a log, a store, and an engine that is restored when frames are to be processed.

    Opening applies migrations, activates the default model where there is none, and finishes what a crash
    left in the log. A directory that has lost something opens all the same: it can be read, verified and rebuilt.

    Parameters
    ----------
    stopping
        Set, what waits in the log is left for the next start, and a store that takes nothing is not waited for.
    sources
        Whether SQL may read files and other hosts, for a command that imports from there.

    Attributes
    ----------
    keyless
        That the key of handles is lost, None while it is there.
    losses
        What the tables have lost, as far as counts show it.
    damaged
        Tables with a part that is set aside as broken, of which the counts show nothing, a line each.
    warnings
        What else is wrong, a line each.
    rules
        The rules by which values become handles, with the earlier ones of this directory.
    log_is_ours
        Whether no collector of another process appends to the log meanwhile.

    Raises
    ------
    DirectoryInUseError
        Another process has the directory open.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = system_clock,
        stopping: threading.Event | None = None,
        sources: bool = False,
    ) -> None:
        self.settings = settings
        self._sources = sources
        self.clock = clock
        self._stopping = stopping or threading.Event()
        self._stack = ExitStack()
        self.losses = Losses()
        self.log_is_ours = True
        self.damaged: list[str] = []
        self.warnings: list[str] = []
        self._lost_model = ""
        self._emptied: list[str] = []  # tables that were recreated, without rows
        self._unreadable: set[str] = set()  # tables with parts that `lost` could not read
        self._failures = 0.0  # of reads in this process, when the store was opened
        self._key, self._fingerprint = HandleKey(bytes(KEY_BYTES)), ""
        self.keyless: KeyLostError | None = None
        self._engine: Engine | None = None
        self._tombstones: SuppressedHandles | None = None
        self._erasing: U64 | None = None  # handles of which nothing is taken, sorted
        self._is_erasing_beside = False
        self._position = 0
        self._fresh: list[Record] = []  # the last frames of the log, if this process appended them
        try:
            self._open(settings)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, settings: Settings) -> None:
        private_directory(settings.data)
        lock(settings.data, self._stack)
        try:
            lock_log(settings.data, self._stack)
        except DirectoryInUseError:  # a collector appends to it, and has looked at it when it began
            self.log_is_ours = False
        self._mark = CleanCloseMark(settings.data)
        self._stack.callback(self._mark.leave)
        self._brands = brands_file(settings.data, settings.brands)
        self.rules = rules_file(settings.data, settings.handle_rules)
        said = self._mended_log(settings.data / "log.sqlite") if self.log_is_ours else ""
        self.log = self._stack.enter_context(Log(settings.data / "log.sqlite", durable=settings.durable))
        tables = settings.data / "clickhouse"
        tables.mkdir(mode=0o700, exist_ok=True)
        self.warnings += table_definitions.check(tables, self.clock())
        trusted, warned = self._mark.holds, list(self.warnings)
        self._open_store(tables, check=not trusted)
        self._stack.callback(self._close_store)
        try:
            self._open_tables(settings, tables, look=bool(said))
        except Exception:
            if not trusted or not self._has_failed():
                raise
            self.store.close()
            self._mark.holds, self.warnings = False, warned
            self._open_store(tables, check=True)
            self._open_tables(settings, tables, look=bool(said))

    def _open_store(self, tables: Path, *, check: bool) -> None:
        """Open the store; checked, without parts of tables that cannot be read."""

        def opened() -> ClickHouse:
            return ClickHouse(f"chdb://{tables.resolve()}", sources=self._sources)

        self.store, said = unreadable_parts.mended(opened) if check else (opened(), [])
        self.warnings += said
        self._failures = unreadable_parts.failures(self.store)

    def _has_failed(self) -> bool:
        """Whether a query could not read what it needed, since the store was opened."""
        return unreadable_parts.failures(self.store) > self._failures

    def _close_store(self) -> None:
        """Close the store; what a query could not read is looked for at the next opening."""
        self._mark.holds = self._mark.holds and not self._has_failed()
        self.store.close()

    def _open_tables(self, settings: Settings, tables: Path, *, look: bool) -> None:
        migrations.apply(self.store.client)
        self._emptied, left = table_definitions.complete(self.store, tables)
        self.warnings += left
        clear(self.store)
        scratch.clear(self.store)
        image.clear(settings.data)
        self._skip_numbers(settings.data / RESTORED)
        self._find_key(self._brands)
        self._look_at_readable()
        damaged_parts.bear(self.store)
        if settings.durable:
            self.store.make_durable()
        self.model, self._lost_model = in_force.found(
            self.store.client, self.clock(), kept_model(settings.data)
        )
        if not self._lost_model:
            keep_model(settings.data, self.model)
        known = [offset for mark in self.store.watermarks().values() for offset in mark.values()]
        self.log.skip_to(max(known, default=0))
        self._position = self.log.committed
        self.finish_erasures()
        drop.finish(self.store, self.store.insert, self.clock())
        expire.finish(self.store, self.store.insert, self.clock())
        self.settle()
        if look:  # frames that are lost may have reached some of the tables
            self.look()

    def _skip_numbers(self, mark: Path) -> None:
        """In a directory that was restored, number announcements above all that were made after the backup."""
        if mark.exists():
            announced_numbers.skip(self.store)
            with kill_point("restore.finish"):
                mark.unlink()

    def _mended_log(self, path: Path) -> str:
        """Leave out what a power cut has torn of the log, and save what can be read of a damaged one; return what was lost."""
        if left_out := torn(path, self.clock()):
            self.warnings.append(left_out)
        if said := salvage(path, self.clock()):
            self.warnings.append(said)
        return said

    def settle(self) -> None:
        """Check tables for losses; without any, process the waiting log and announce the customers that a new model moved."""
        if not self._mark.holds or self.warnings or self._emptied or self._lost_model:
            self.look()
        if self.losses.stops:
            return
        if (waiting := self.log.last - self._position) > 0:
            _log.info("processing %d frames that were accepted before", waiting)
            self.drain()
        if self.store.announced_under() not in {"", self.model.hash}:
            self.tick()  # a model came into force, and the process died before it said whom that moved

    def look(self) -> None:
        """Look what the tables have lost; see `losses`."""
        self.losses = losses.find(self.store, self.model.hash, self.log.committed)
        if self._lost_model:
            self.losses = self.losses.without_model(self._lost_model)
        self.losses = self.losses.with_emptied(self._emptied)
        self.damaged = damaged_parts.warnings(self.store, {loss.table for loss in self.losses.found}, REBUILT)
        self._mark.holds = not (self.losses.found or self.damaged or self.warnings)
        if not self._mark.holds and self.store.rows("SELECT 1 FROM kept_marks WHERE model != '' LIMIT 1"):
            begin_epoch(self.store, "tables were damaged", self.clock())

    def lost(self) -> list[dict[str, Any]]:
        """Return broken and unreadable parts of tables, what tables lack by counts, and damage to the write keys, a row each."""
        rows: list[dict[str, Any]] = [
            {"table": table, "broken part": part}
            for table, parts in damaged_parts.broken_parts(self.store).items()
            for part in parts
        ]
        unreadable = unreadable_parts.find(self.store)
        self._unreadable = {part.table for part in unreadable}
        rows += [{"table": part.table, "unreadable part": part.name} for part in unreadable]
        rows += [{"table": loss.table, "lost": loss.said} for loss in self.losses.found]
        if why := damage_of(self.settings.data):
            rows.append({"file": "keys.sqlite", "damaged": why})
        return rows

    def to_rebuild(self) -> set[str]:
        """Return the tables that a rebuild repairs, as far as `lost` knows."""
        return {*self.losses.rebuild, *damaged_parts.broken_parts(self.store), *self._unreadable}

    def doubt(self) -> None:
        """Prepare for SQL of the owner's, which may delete rows: the next opening counts losses unless no file changes."""
        self._mark.doubt()

    def _find_key(self, brands: str) -> None:
        self.rotated = rekey.finish(self.store, self.clock())  # what a rotation that was killed left to do
        name = handle_keys.in_force(self.store)
        try:
            promote(self.settings.data, name)
            make = not name and handle_keys.is_free(self.store)
            given = self.settings.handle_key or key_file(self.settings.data, make=make)
            self.use_key(self._registered(given, name, brands))
        except KeyLostError as error:  # what needs no key goes on: frames in the log are hashed already
            self.keyless, self._fingerprint = error, name
            self.warnings.append(str(error))

    def _look_at_readable(self) -> None:
        """Say where values of readable handles are under a key that is not there; events are taken all the same."""
        try:
            sealing = self.sealing
        except KeyLostError as error:
            self.warnings.append(str(error))
            return
        if sealing is not None and (lost := readable_rows.unknown_keys(self.store, sealing.key.fingerprints)):
            self.warnings.append(
                f"readable handles are encrypted under the key {', '.join(lost)}, which is not there: bring it back (readable.key, or"
                " JOURNEY_READABLE_KEY), or give journey readable drop --lost"
            )

    def _registered(self, given: bytes, name: str, brands: str) -> HandleKey:
        """Return the key in its mode: as the store has it under the fingerprint `name`, else as the directory has."""
        wanted = self.settings.brands
        if not name:
            key = handle_keys.in_mode(HandleKey(given, separate=brands == SEPARATE), wanted)
            handle_keys.keep(self.store, key.fingerprint, handle_keys.IN_FORCE, self.clock())
            return key
        key = handle_keys.fitting(given, name, wanted)
        if (mode := handle_keys.mode_of(key)) != brands:
            keep_brands(self.settings.data, mode)  # the store says it for certain
        return key

    @property
    def key(self) -> HandleKey:
        """The key that handles are hashed with. Raises KeyLostError where it is lost."""
        if self.keyless is not None:
            raise self.keyless
        return self._key

    @property
    def position(self) -> int:
        """The offset of the log up to which every table has every frame."""
        return self._position

    @property
    def engine(self) -> Engine:
        """The engine, restored on first use. Raises LossError where tables have lost what its state is made of."""
        self.refuse_losses()
        if self._engine is None:
            if self._is_erasing_beside:
                raise StoreError("no state can be restored while a customer is being erased")
            if self._erasing is not None:
                self.finish_erasures()
            self._engine = self.restored(self.store, self.model)
        return self._engine

    def restored(self, store: ClickHouse, model: Model) -> Engine:
        """Return an engine restored from tables; from a copy of them, in any thread."""
        window_us = int(self.settings.id_window.total_seconds() * 1_000_000)
        engine = Engine(store, model, window_us=window_us, wait=self._wait)
        engine.restore()
        return engine

    def bring_up_to_date(self, engine: Engine) -> None:
        """Have an engine that was restored from a copy of the tables take up what they have since, to succeed the one in use."""
        since = later(self.store, engine.journey.model.hash, *engine.restored_to)
        engine.succeed(self.store, since, self._engine)

    def refuse_losses(self) -> None:
        """Raise LossError where tables have lost what the state is made of; for any thread."""
        if self.losses.stops:
            raise LossError(self.losses.refusal)

    def _wait(self, pause_s: float) -> None:
        """Let a store that takes nothing have a pause; to stop, there is none, and what was tried fails."""
        self._stopping.wait(pause_s)

    def edge(self, *, trusted: bool = False) -> Edge:
        """Return an edge that hashes with this directory's key."""
        nobody = self.model.identity.nobody
        return edge_with(self.settings, self.key, nobody, self.rules, self.settings.data, trusted=trusted)

    @property
    def sealing(self) -> Sealing | None:
        """What is encrypted of handles that are kept readable, None for nothing. Raises KeyLostError."""
        return sealing_of(self.settings, self.settings.data)

    def accept(self, frame: Frame) -> int:
        """Append a frame to the log: once this returns, its events are accepted. Returns how many wait now.

        Raises
        ------
        LossError
            Tables have lost rows, so nothing could be processed.
        """
        self.refuse_losses()
        offset = self.log.append(encode(frame))
        after = self._fresh[-1].offset if self._fresh else offset - 1
        if len(self._fresh) < MAX_BATCH_FRAMES and after == offset - 1:  # a collector may append meanwhile
            self._fresh.append(Record(PARTITION, offset, frame))
        return offset - self._position

    def load(self, frames: Iterable[Frame]) -> BatchOutcome:
        """Accept frames and process them as they come; when this returns, every table has them.

        The first _UNMERGED_BATCHES batches are left as they are meanwhile: most loads end before merging pays.
        """
        outcome, batches = BatchOutcome(), 0
        with ExitStack() as held:
            held.enter_context(self.store.merges_held())
            for frame in frames:
                if self.accept(frame) >= MAX_BATCH_FRAMES:
                    outcome.add(self.drain())
                    batches += 1
                    if batches == _UNMERGED_BATCHES:
                        held.close()
            outcome.add(self.drain())
        return outcome

    def drain(self) -> BatchOutcome:
        """Process every frame that waits in the log by now, unless this is to stop.

        Raises
        ------
        LossError
            Tables have lost rows.
        """
        self.refuse_losses()
        outcome, until = BatchOutcome(), self.log.last
        while not self._stopping.is_set() and self._position < until and (done := self.step()) is not None:
            outcome.add(done)
        return outcome

    def step(self) -> BatchOutcome | None:
        """Process the next frames that wait in the log, as many as make a batch; None where there are none."""
        last = self.log.last  # before the look at what waits: a collector may append meanwhile
        waiting = self._waiting()
        if not waiting:
            if last > self._position:  # what came last is lost
                self._let_go(last)
            return None
        records = [replace(each, frame=self._taken(each.frame)) for each in waiting]
        with self._state_in_step():
            outcome = self.engine.step(records, self.clock())
        self._let_go(records[-1].offset)
        return outcome

    def _let_go(self, offset: int) -> None:
        self._position = offset
        self.log.commit(offset)
        self._fresh = []

    def _taken(self, frame: Frame) -> Frame:
        if self._tombstones is None:
            self._tombstones = SuppressedHandles(statements.tombstones(self.store))
        frame = self._tombstones.applied(known(frame, self._fingerprint))
        return frame if self._erasing is None else without(frame, self._erasing)

    def _waiting(self) -> Sequence[Record]:
        """Return the next frames: as they are in memory where none is missing there, else from the log."""
        if self._fresh and self._fresh[0].offset == self._position + 1:
            return self._fresh
        while waiting := self.log.read(self._position, MAX_BATCH_FRAMES, _SMALL_BYTES):
            if records := [record for place in waiting if (record := self._record(*place))]:
                return records
            self._let_go(waiting[-1][0])
        return []

    def _record(self, offset: int, data: bytes) -> Record | None:
        try:
            return Record(PARTITION, offset, decode(data))
        except FrameError:
            set_aside(self.settings.data / "log.sqlite", offset, data)
            return None

    def tick(self) -> BatchOutcome:
        """Announce the stages that have lapsed by now."""
        return self.announce(self.clock())

    def announce(self, now_us: int) -> BatchOutcome:
        """Announce the stages that have lapsed at an instant."""
        with self._state_in_step():
            return self.engine.tick(now_us, (PARTITION, self._position))

    @contextmanager
    def _state_in_step(self) -> Iterator[None]:
        """Let go of a state that a failure left ahead of the store; the next use rebuilds it from there."""
        try:
            yield
        except BaseException:
            self._engine = None
            raise

    def let_go_of_state(self) -> None:
        """Restore the state from the store at the next use: the tables may have changed otherwise than by batches."""
        self._engine = self._tombstones = None

    def use_key(self, key: AnyKey) -> None:
        """Hash handles with a key that was activated; the state is rebuilt from the store."""
        key = HandleKey.of(key)
        self._key, self._fingerprint, self.keyless = key, key.fingerprint, None
        self._engine = self._tombstones = None

    def use_model(self, model: Model, engine: Engine | None = None) -> None:
        """Run under a model that was just activated: with an engine that has its state, or one that is restored when it is needed."""
        self.model = model
        self._engine, self._lost_model = engine, ""
        keep_model(self.settings.data, model)

    def rebuild(self, order: Order) -> Sequence[Rebuilt]:
        """Rebuild tables from the interactions, then go on with what waits in the log; see `streams.recovery.rebuild`."""
        order = replace(order, tables=with_following(order.tables))
        if self.losses.lost("interactions") and not order.dry_run:  # each table has something of what is lost
            order = replace(order, tables={*order.tables, *FOLLOWING})
        done = list(rebuild(self.store, self.model, order))
        if order.dry_run:
            return done
        if "deliveries" in order.tables:
            done.append(reconciliation.enter(self.store, self.log.committed, order.now_us))
        self._engine = None
        self._emptied = [table for table in self._emptied if table not in order.tables]
        damaged_parts.bear(self.store)
        self.settle()
        return done

    def write_off(self) -> tuple[int, int]:
        """Write off what is lost for good; return how many events and dead letters that are."""
        done = reconciliation.write_off(self.store, self.losses, self.clock())
        self.look()
        return done

    def finish_erasures(self) -> None:
        """Finish the erasures under way; events of theirs in the log were processed before."""
        self._is_erasing_beside = False
        for receipt in statements.pending(self.store):
            statements.keep_receipt(self.store, self.store.insert, receipt, self.clock())
            minutes.recount(self.store, receipt)
            statements.delete(self.store, receipt)
            self.log.scrub()
            statements.scrub(self.store)
            statements.clear(self.store, receipt)
            self._engine = self._tombstones = None
        self.finish_idle()
        self._erasing = None

    def finish_idle(self) -> None:
        """Finish to let go of idle handles; the state is restored without them."""
        if idle.finish(self.store, self.store.insert, self.clock()):
            self._engine = None

    def leave_out(self, handles: U64, ids: Ids) -> None:
        """Take nothing of handles (sorted) from here on, while they are erased beside batches; `ids` are of their events."""
        self.engine.forget(handles, ids)
        self._erasing, self._is_erasing_beside = handles, True

    def go_over(self, engine: Engine) -> None:
        """Go on with an engine that was brought up to date; where handles were left out, it knows nothing of them."""
        self._engine, self._tombstones = engine, None
        self._erasing, self._is_erasing_beside = None, False

    def close(self) -> None:
        """Close store, log and lock."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
