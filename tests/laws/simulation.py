"""Runs of the simulation, each replayable by its number."""

from collections import Counter
from dataclasses import replace
from random import Random

from streams.engine.outcome import BatchOutcome
from tests.laws.compare import check
from tests.laws.history import DAY_US, history
from tests.laws.world import World


def run(seed: int) -> World:
    """Run one history under faults and compare; then let it start again, which must change nothing; then let time pass."""
    world = World(history(seed), seed).run()
    check(world)
    size = written(world)
    world.restart()
    world.finish()
    assert written(world) == size, "a restart alone has written something"
    world.finish(ahead_us=40 * DAY_US)
    check(world)
    return world


def run_in_another_order(seed: int) -> World:
    """Run the history of `run` without faults, in another order and cut. Repeats that differ are left out."""
    made = history(seed)
    items = [item for item in made.items if not item.differs]
    Random(f"order {seed}").shuffle(items)
    world = World(replace(made, items=tuple(items)), -seed, calm=True).run()
    check(world)
    assert world.outcome == booked(world), "what the engine told is what the tables have"
    return world


def booked(world: World) -> BatchOutcome:
    rows = world.store.rows
    total = {
        name: sum(row[name] for row in rows["deliveries"])
        for name in ("received", "stored", "duplicates", "conflicts")
    }
    reasons = Counter(row["reason"] for row in rows["dead_letters"])
    return BatchOutcome(**total, dead_letters=dict(reasons), stage_changes=len(rows["stage_changes"]))


def written(world: World) -> dict[str, int]:
    return {table: len(rows) for table, rows in world.store.rows.items()}
