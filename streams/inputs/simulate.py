"""Simulates the events of a retailer for trials, tests and benchmarks: the same seed gives the same events."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from streams.inputs.simulation.calendar import Calendar
from streams.inputs.simulation.catalogue import draw_catalogue
from streams.inputs.simulation.handles import draw_names, handle_values
from streams.inputs.simulation.plan import World
from streams.inputs.simulation.population import draw_population
from streams.inputs.simulation.render import Renderer
from streams.inputs.simulation.season import arrivals, plan_season
from streams.inputs.simulation.sorted_runs import SortedRuns

__all__ = ["simulate", "write"]

_LINES = 4_096  # written at a time
_GROUP_DAYS = 1_000_000  # days of people that are planned at a time


def simulate(
    *, customers: int, days: int, seed: int, start: datetime, brands: Sequence[str] = ("lumiere", "maison")
) -> Iterator[dict[str, Any]]:
    """Yield the interactions of some customers with some brands, as events in the contract.

    Parameters
    ----------
    customers
        How many people there are; each leaves at least one event, 20 to 40 a month on average.
    days
        How long, at least one day.
    seed
        The same arguments give the same events; another seed gives other people and other ids.
    start
        The first moment, with an offset from UTC: people sleep and shop by that clock.
    brands
        Who they interact with; most people keep to one.

    Yields
    ------
    dict
        An event. In the order of arrival, which is that of event time but for about 1 % that come late (ten
        hours at the most), and 0.5 % that come a second time, a little later.

    Raises
    ------
    ValueError
        At the call, if an argument is out of range.

    Notes
    -----
    People are planned in groups of a million days of theirs; what is planned is sorted in a temporary file, of some 60
    bytes an event, so memory does not grow with the people but for four bytes each. People know each other within their
    group.
    """
    if customers < 0 or days < 1 or not brands or start.utcoffset() is None:
        message = "simulate needs customers >= 0, days >= 1, at least one brand, and a start with an offset"
        raise ValueError(f"{message}; got {customers=}, {days=}, {brands=}, {start=}")
    calendar = Calendar(start, days)
    runs = SortedRuns()
    sizes = _sizes(customers, days)
    rng = np.random.default_rng(seed)
    people = draw_population(rng, calendar, customers=sizes[0], brands=len(brands))
    catalogue = draw_catalogue(rng, tuple(brands), days)
    world = World(calendar, people, catalogue, len(brands))
    rows = plan_season(rng, world)
    base = int(rng.integers(1 << 32))
    names = draw_names(rng, people.british)
    first_id = int(rng.integers(1 << 63))
    runs.add(rows, *arrivals(rng, world, rows))
    for number, size in enumerate(sizes[1:], start=1):
        rng = np.random.default_rng((seed, number))
        people = draw_population(rng, calendar, customers=size, brands=len(brands))
        world = World(calendar, people, catalogue, len(brands))
        rows = plan_season(rng, world)
        rows["person"] += len(names.first)
        names += draw_names(rng, people.british)
        runs.add(rows, *arrivals(rng, world, rows))
    renderer = Renderer(
        brands=brands,
        catalogue=catalogue,
        handles=handle_values(base, names),
        british=names.british,
        first_id=first_id,
    )
    return renderer.events(runs.merged())


def _sizes(customers: int, days: int) -> list[int]:
    """Return how many people are planned at a time: as many as make a million days, in groups of about one size."""
    groups = max(-(-customers * days // _GROUP_DAYS), 1)
    return [(customers + place) // groups for place in reversed(range(groups))]


def write(events: Iterable[dict[str, Any]], file: BinaryIO) -> int:
    """Write events as NDJSON, one compact JSON object a line, and return how many."""
    encode = json.JSONEncoder(separators=(",", ":")).encode
    pending, count = iter(events), 0
    while lines := [encode(event) for event in islice(pending, _LINES)]:
        file.write(("\n".join(lines) + "\n").encode())
        count += len(lines)
    return count
