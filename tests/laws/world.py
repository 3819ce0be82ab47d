"""The simulation: edge, log, engine, store and clock in one thread, with faults drawn from a seed."""

from random import Random

from journey.identity.handle_key import HandleKey
from streams.edge import Edge
from streams.edge.readable import Sealing
from streams.engine.engine import Engine
from streams.engine.outcome import BatchOutcome
from streams.log.batch import Record
from streams.log.frame import decode, encode
from streams.store.port import LossError, StoreError
from tests.laws.history import DAY_US, HOUR_US, MODEL, History
from tests.laws.memory import MemoryLog, MemoryStore
from tests.laws.oracle import named

KEY = b"k" * 32
KEYS = (HandleKey(KEY), HandleKey(KEY, separate=True))  # brands are separate in every other run


class Crash(BaseException):
    """The process dies here: nothing but store and log is left."""


class Faults:
    """Strikes at writes (and reads of the store) at random, a bounded number of times."""

    def __init__(self, random: Random, rate: float) -> None:
        self.random = random
        self.rate = rate
        self.left = 25
        self.down = 0

    def write(self, action, *, may_fail: bool) -> None:
        """Do a write: whole, or with a crash before or after it, or refused, or done and called failed."""
        if self.down:
            self.down -= 1
            raise StoreError("the store is away")
        kind = self._draw(
            ("before", "after", "refused", "ambiguous", "away") if may_fail else ("before", "after")
        )
        if kind == "before":
            raise Crash
        if kind == "away":
            self.down = self.random.randint(5, 9)
        if kind in {"refused", "away"}:
            raise StoreError("not done")
        action()
        if kind == "after":
            raise Crash
        if kind == "ambiguous":
            raise StoreError("no answer; it was done")

    def read(self) -> None:
        if self._draw(("fail",)):
            raise StoreError("no answer to a query")

    def _draw(self, kinds) -> str:
        if not self.left or self.random.random() >= self.rate:
            return ""
        self.left -= 1
        return self.random.choice(kinds)


class FaultyStore:
    """The store as the engine sees it."""

    def __init__(self, store: MemoryStore, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def insert(self, table, rows) -> None:
        self._faults.write(lambda: self._store.insert(table, rows), may_fail=True)

    def __getattr__(self, name):
        self._faults.read()
        return getattr(self._store, name)


class World:
    """One run of a history. `calm` has no faults; the seed decides cuts, clock, faults and when work is done."""

    def __init__(
        self, history: History, seed: int, *, calm: bool = False, sealing: Sealing | None = None
    ) -> None:
        self.random = Random(f"world {seed}")
        self.history = history
        self.faults = Faults(self.random, 0.0 if calm else self.random.choice([0.0, 0.02, 0.05, 0.15]))
        self.store = MemoryStore()
        self.log = MemoryLog(history.partitions)
        self.logged = []  # items in the order of the log
        self.frames = 0
        self.key = KEYS[seed % 2]
        self.edge = Edge(self.key, sealing=sealing)
        self.base_us = self.offset_us = 0
        self.latest_us = 0
        self.outcome = BatchOutcome()  # of all steps that returned
        self.restart()

    def restart(self) -> None:
        """Start a new process on what the old one left."""
        while True:
            try:
                self.engine = Engine(
                    FaultyStore(self.store, self.faults),
                    MODEL,
                    window_us=self.history.window_us,
                    wait=lambda _s: None,
                )
                self.engine.restore()
            except LossError as error:  # none of these faults takes rows away
                raise AssertionError(f"rows were lost: {error}") from error
            except StoreError:
                continue
            self.position = list(self.log.committed)
            return

    def now(self) -> int:
        """Read the clock: it stands at the newest event sent, plus what it was put forward or back."""
        now_us = self.base_us + self.offset_us
        self.latest_us = max(self.latest_us, now_us)
        return now_us

    def run(self) -> "World":
        """Send everything, process everything, and announce what has lapsed by the latest time seen."""
        for partition, items in self._cuts():
            self._step_clock()
            self.base_us = max([self.base_us, *(item.event["_us"] for item in items if item.event)])
            self._accept(partition, items)
            if self.random.random() < 0.5:
                self._until_done(self.drain)
            if self.random.random() < 0.2:
                self._until_done(self.tick)
            if self.faults.rate and self.random.random() < 0.05:
                self.restart()
        self._until_done(self.drain)
        self.finish()
        return self

    def finish(self, ahead_us: int = 0) -> None:
        """Tick at the latest time that the clock has shown, or later."""
        self.latest_us += ahead_us
        self.offset_us = self.latest_us - self.base_us
        self._until_done(self.tick)

    def _cuts(self):
        items = list(self.history.items)
        while items:
            size = self.random.choice([1, 1, 2, 3, 5, 9])
            taken, items = items[:size], items[size:]
            for partition in range(self.history.partitions):
                here = [item for item in taken if self._partition(item) == partition]
                if here:
                    yield partition, here

    def _partition(self, item) -> int:
        return named(item.event, self.key)[0][1] % self.history.partitions if item.event else 0

    def _step_clock(self) -> None:
        if self.random.random() < 0.2:
            step_us = self.random.choice([-HOUR_US, HOUR_US, 5 * DAY_US, 20 * DAY_US, -20 * DAY_US])
            self.offset_us = max(self.offset_us + step_us, -2 * HOUR_US)  # else events lie a day ahead

    def _accept(self, partition: int, items) -> None:
        """Send a frame until it is acknowledged; who gets no answer sends it again."""
        frame = encode(self.edge.pack([item.line for item in items], topic="t", now_us=self.now()))

        def append() -> None:
            self.log.append(partition, frame)
            self.logged.extend(items)
            self.frames += 1

        while True:
            try:
                self.faults.write(append, may_fail=False)
            except Crash:
                self.restart()
            except StoreError:
                continue
            else:
                return

    def _until_done(self, work) -> None:
        while True:
            try:
                work()
            except (Crash, StoreError):
                self.restart()
            else:
                return

    def tick(self) -> None:
        self.outcome.add(self.engine.tick(self.now(), (0, self.position[0])))

    def drain(self) -> None:
        """Process what waits, in batches of a few frames of any partitions, and commit each after its step."""
        while records := self._read():
            self.outcome.add(self.engine.step(records, self.now()))
            for record in records:
                self.position[record.partition] = record.offset
            for partition in {record.partition for record in records}:
                self.commit(partition)

    def commit(self, partition: int) -> None:
        offset = self.position[partition]
        self.faults.write(lambda: self.log.commit(partition, offset), may_fail=False)

    def _read(self) -> list[Record]:
        at, records = list(self.position), []
        for _ in range(self.random.randint(1, 4)):
            waiting = [p for p, frames in enumerate(self.log.frames) if len(frames) > at[p]]
            if not waiting:
                break
            partition = self.random.choice(waiting)
            at[partition] += 1
            frame = decode(self.log.frames[partition][at[partition] - 1])
            records.append(Record(partition, at[partition], frame))
        return records
