"""The embedded shell: one process, a local log in the place of Kafka, the ClickHouse engine as a library."""

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from journey.handle import fingerprint
from journey.model import Model
from streams import drops, erasure, handle_keys, migrations, models, rekeying
from streams.batch import Record
from streams.clock import Clock, system_clock
from streams.edge import Edge
from streams.engine import MAX_BATCH_FRAMES, Engine, Outcome
from streams.erased import Tombstones
from streams.foreign import known
from streams.frames import Frame, decode, encode
from streams.key_files import key_file, promote
from streams.log import PARTITION, Log
from streams.settings import Settings
from streams.store import ClickHouse

__all__ = ["BusyError", "Embedded", "lock"]

_UNMERGED_BATCHES = 32  # parts of each table; ClickHouse slows inserts down at 1,000
_SMALL_BYTES = 2 * 2**20  # of frames from single requests: no more events than in a batch of full ones
_log = logging.getLogger(__name__)


class BusyError(RuntimeError):
    """Another process has the data directory open."""


class Embedded:
    """An opened data directory: a log, a store, and an engine that is restored when frames are to be processed.

    Opening applies migrations, puts the default model in force where there is none, and finishes what a crash
    left in the log. Close it, or use it as a context.

    Raises
    ------
    BusyError
        Another process has the directory open.
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        self.settings = settings
        self.clock = clock
        self._stack = ExitStack()
        self._engine: Engine | None = None
        self._tombstones: Tombstones | None = None
        self._position = 0
        self._fresh: list[Record] = []  # the last frames of the log, if this process appended them
        try:
            self._open(settings)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        lock(settings.data, self._stack)
        self.log = self._stack.enter_context(Log(settings.data / "log.sqlite", durable=settings.durable))
        self.store = ClickHouse(f"chdb://{(settings.data / 'clickhouse').resolve()}")
        self._stack.callback(self.store.close)
        migrations.apply(self.store.client)
        self.use_key(self._key_in_force())
        if settings.durable:
            self.store.make_durable()
        self.model = self._model_in_force()
        known = [offset for mark in self.store.watermarks().values() for offset in mark.values()]
        self.log.skip_to(max(known, default=0))
        self._position = self.log.committed
        self.finish_erasures()
        drops.finish(self.store, self.store.insert, self.clock())
        if self.log.last > self._position:
            _log.info("processing %d frames that were accepted before", self.log.last - self._position)
            self.drain()
        if self.store.announced_under() not in {"", self.model.hash}:
            self.tick()  # a model came into force, and the process died before it said whom that moved

    def _key_in_force(self) -> bytes:
        self.rotated = rekeying.finish(self.store, self.clock())  # what a rotation that was killed left to do
        promote(self.settings.data, handle_keys.in_force(self.store))
        return handle_keys.register(
            self.store, self.settings.handle_key or key_file(self.settings.data), self.clock()
        )

    def _model_in_force(self) -> Model:
        found = models.in_force(self.store.client)
        return found.parsed() if found else models.activate_default(self.store.client, self.clock())

    @property
    def engine(self) -> Engine:
        """The engine, restored on first use."""
        if self._engine is None:
            window_us = int(self.settings.id_window.total_seconds() * 1_000_000)
            self._engine = Engine(self.store, self.model, window_us=window_us)
            self._engine.restore()
        return self._engine

    def edge(self, *, trusted: bool = False) -> Edge:
        """Return an edge that hashes with this directory's key."""
        return Edge(self.key, self.model.identity.nobody, trusted=trusted)

    def accept(self, frame: Frame) -> int:
        """Append a frame to the log: once this returns, its events are accepted. Returns how many wait now."""
        offset = self.log.append(encode(frame))
        if len(self._fresh) < MAX_BATCH_FRAMES:
            self._fresh.append(Record(PARTITION, offset, frame))
        return offset - self._position

    def load(self, frames: Iterable[Frame]) -> Outcome:
        """Accept frames and process them as they come; when this returns, every table has them.

        The first _UNMERGED_BATCHES batches are left as they are meanwhile: most loads end before merging pays.
        """
        outcome, batches = Outcome(), 0
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

    def drain(self) -> Outcome:
        """Process every frame that waits in the log."""
        outcome = Outcome()
        while (done := self.step()) is not None:
            outcome.add(done)
        return outcome

    def step(self) -> Outcome | None:
        """Process the next frames that wait in the log, as many as make a batch; None where there are none."""
        waiting = self._waiting()
        if not waiting:
            return None
        records = [replace(each, frame=self._taken(each.frame)) for each in waiting]
        with self._state_in_step():
            outcome = self.engine.step(records, self.clock())
        self._position = records[-1].offset
        self.log.commit(self._position)
        self._fresh = []
        return outcome

    def _taken(self, frame: Frame) -> Frame:
        if self._tombstones is None:
            self._tombstones = Tombstones(erasure.tombstones(self.store))
        return self._tombstones.applied(known(frame, self._fingerprint))

    def _waiting(self) -> Sequence[Record]:
        """Return the next frames: as they are in memory where none is missing there, else from the log."""
        if self._fresh and self._fresh[0].offset == self._position + 1:
            return self._fresh
        waiting = self.log.read(self._position, MAX_BATCH_FRAMES, _SMALL_BYTES)
        return [Record(PARTITION, offset, decode(data)) for offset, data in waiting]

    def tick(self) -> Outcome:
        """Announce the stages that have lapsed by now."""
        return self.announce(self.clock())

    def announce(self, now_us: int) -> Outcome:
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

    def use_key(self, key: bytes) -> None:
        """Hash handles with a key that is in force; the state is rebuilt from the store."""
        self.key, self._fingerprint = key, fingerprint(key)
        self._engine = self._tombstones = None

    def use_model(self, model: Model) -> None:
        """Run under a model that was just put in force: the state is rebuilt from the store."""
        self.model = model
        self._engine = None

    def finish_erasures(self) -> None:
        """Erase the customers of whom `streams.forget` has said so; what the log had of them was processed before."""
        for receipt in erasure.pending(self.store):
            erasure.keep_receipt(self.store, self.store.insert, receipt, self.clock())
            erasure.recount_minutes(self.store, receipt)
            erasure.delete(self.store, receipt)
            self.log.scrub()
            erasure.scrub(self.store)
            erasure.clear(self.store, receipt)
            self._engine = self._tombstones = None

    def close(self) -> None:
        """Close store, log and lock."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock(data: Path, stack: ExitStack) -> None:
    """Keep other processes out of a data directory until the stack ends. Raises BusyError."""
    file = stack.enter_context((data / "lock").open("a+", encoding="utf-8"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise BusyError(
            f"{data} is in use by process {file.read().strip() or 'unknown'}; "
            "wait until it has finished, or give another directory with --data"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
