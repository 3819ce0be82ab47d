"""Blocks of histories: each is brands of its own, so that many share one data directory, as they share one engine."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from random import Random

from journey.identity.handle_key import HandleKey
from schemas.apath import default_model_text
from streams.analysis.verify import verify
from streams.clock import system_clock
from streams.embedded.embedded import Embedded
from streams.settings import SEPARATE, SHARED, Settings
from tests.fixtures.directories import with_tables
from tests.histories.answers import Answers, answers
from tests.histories.comparison import Difference, differences
from tests.histories.event import Handle, Item
from tests.histories.generator import AHEAD_US, DAY_US, OLDEST_US, History, history
from tests.histories.oracle import Oracle

__all__ = ["KEY", "MODEL", "Block", "Result", "embedded", "loaded"]

KEY = bytes(range(32))
MODEL = tomllib.loads(default_model_text())


@dataclass(frozen=True)
class Result:
    """What came of a block; no difference is how it should be."""

    differences: list[Difference]
    lines: int
    stored: int


@dataclass
class Block:
    """Histories of some seeds, one after the other or among each other, as the first seed has it."""

    seeds: range
    now_us: int = field(default_factory=system_clock)
    brands: str = ""  # whether brands share their handles; as the seeds have it

    def __post_init__(self) -> None:
        self.random = Random(f"block {self.seeds}")
        self.histories = [history(seed, self.now_us) for seed in self.seeds]
        self.brands = self.brands or self.random.choice([SEPARATE, SEPARATE, SHARED])
        self.key = HandleKey(KEY, separate=self.brands == SEPARATE)

    @property
    def instants(self) -> list[int]:
        """The instants that `journeys_at` is asked for."""
        return [
            self.now_us - 37 * DAY_US - 1,
            self.now_us + AHEAD_US,
            OLDEST_US + 20 * DAY_US,
            1_054_425_600_000_000 + DAY_US,
        ]

    def items(self) -> list[Item]:
        """Return all lines in the order in which they are sent: each history's as it has them, among those of others."""
        waiting = [list(one.items) for one in self.histories]
        found = []
        while waiting:
            number = self.random.randrange(len(waiting))
            count = self.random.choice([1, 1, 2, 5, 100])
            found += waiting[number][:count]
            waiting[number] = waiting[number][count:]
            if not waiting[number]:
                waiting[number] = waiting[-1]
                waiting.pop()
        return found

    def id_of(self, brand: str, handle: Handle) -> int:
        """Return a handle's id."""
        return self.key.id(*handle, brand)

    def oracle(self, one: History) -> Oracle:
        return Oracle(one.items, self.id_of, MODEL)

    def differences(self, found: Answers) -> Iterator[Difference]:
        """Yield where the answers are not the oracle's."""
        oracles = [self.oracle(one) for one in self.histories]
        yield from _of_books(oracles, found)
        for one, oracle in zip(self.histories, oracles, strict=True):
            for what, *both in differences(oracle, one.brands, found):
                yield f"seed {one.seed} at {self.now_us}: {what}", *both  # type: ignore[misc]


def _of_books(oracles: Sequence[Oracle], found: Answers) -> Iterator[Difference]:
    expected = {
        "received": sum(one.received for one in oracles),
        "stored": sum(len(one.stored) for one in oracles),
        "duplicates": sum(one.duplicates for one in oracles),
        "conflicts": sum(one.differing for one in oracles),
        "dead_letters": sum(one.reasons.total() for one in oracles),
    }
    if found.books != expected:
        yield "deliveries", found.books, expected  # type: ignore[misc]
    reasons = sum((one.reasons for one in oracles), Counter[str]())
    if found.reasons != reasons:
        yield "dead letters", found.reasons, reasons  # type: ignore[misc]


@contextmanager
def loaded(block: Block, data: Path, *, at_once: bool = False) -> Iterator[Embedded]:
    """Give an engine into which a block was loaded, in random cuts, loads and restarts; `at_once` without restarts."""
    random, items = block.random, block.items()
    window = timedelta(random.choice([0, 0, 1, 7]))
    settings = Settings(with_tables(data, block.brands), handle_key=KEY, id_window=window)
    waiting = iter(items)
    for _ in range(0 if at_once else random.choice([0, 1, 3])):
        with Embedded(settings, clock=lambda: block.now_us) as engine:
            _load(engine, list(islice(waiting, random.randrange(len(items) // 2))), block.now_us, random)
    with Embedded(settings, clock=lambda: block.now_us) as engine:
        _load(engine, list(waiting), block.now_us, random)
        engine.tick()
        yield engine


def embedded(block: Block, data: Path) -> Result:
    """Load a block into a data directory, compare every answer, and verify where all are right."""
    with loaded(block, data) as engine:
        found = answers(engine.store, block.instants, system_clock)
        different = list(block.differences(found))
        drifting = [] if different else [check for check in verify(engine) if check.drift]
    different += [(f"verify: {check.name}", check.rows, []) for check in drifting]
    return Result(different, found.books["received"], found.books["stored"])


def _load(engine: Embedded, items: Sequence[Item], now_us: int, random: Random) -> None:
    """Load items as frames of any size, of which any number are processed together."""
    edge, frames, waiting = engine.edge(), [], iter(items)
    while some := list(islice(waiting, random.choice([1, 7, 60, 400, 2000]))):
        frames.append(edge.pack([item.line for item in some], topic="t", now_us=now_us))
    while frames:
        count = random.choice([1, 3, len(frames)])
        engine.load(frames[:count])
        frames = frames[count:]
