"""Law 9: state has a stated size per handle, link, row and remembered id."""

import numpy as np

from journey.evidence import NEVER
from journey.identity.graph import IdentityGraph
from journey.identity.links import Links
from journey.identity.policy import IdentityPolicy
from journey.journeys import Journeys, Pairs
from journey.model import Model, StagePolicy
from journey.seen import Ids, SeenIds
from journey.stage import STAGES

HANDLES, LINKS = 100_000, 30_000
ROOM = 1.25  # a column grows by a quarter, so at most that much stands empty
MODEL = Model("m", tuple(StagePolicy(10**12, 1.0) for _ in STAGES), (), {}, {})


def people():
    graph = IdentityGraph(IdentityPolicy())
    ids = np.random.default_rng(1).integers(1, 2**63, HANDLES).astype(np.uint64)
    return graph, graph.slots(ids, np.arange(HANDLES) % 7)


def test_a_handle_takes_sixty_bytes_and_a_link_forty():
    graph, slots = people()
    assert graph.nbytes / HANDLES <= 60 * ROOM
    before = graph.nbytes
    left, none = slots[: 2 * LINKS : 2], np.full(LINKS, NEVER)
    graph.update(Links(left, left + 1, np.ones(LINKS, bool), none, none))
    heads = 4 * HANDLES  # one a handle, made at the first link
    assert (graph.nbytes - before - heads * ROOM) / LINKS <= 40 * ROOM


def test_a_journey_takes_eighty_five_bytes():
    graph, slots = people()
    journeys = Journeys(MODEL, graph)
    journeys.add(Pairs.untold(slots % 3, slots), np.ones((HANDLES, len(STAGES))))
    assert journeys.nbytes / HANDLES <= 85 * ROOM


def test_ids_of_years_take_two_bytes_each_and_those_of_the_window_their_positions_too():
    seen, day_us = SeenIds(7 * 86_400_000_000, most=400), 86_400_000_000
    words = np.random.default_rng(2).integers(0, 2**63, (400, 2, 50)).astype(np.uint64)
    for day in range(400):
        seen.remember(Ids(words[day, 0], words[day, 1]), np.arange(50, dtype=np.uint64), day * day_us)
        assert len(seen) <= 50 * 9
        assert seen.nbytes == 24 * len(seen)
    assert seen.filter_bytes <= 2 * 2**20  # the least that it has: room for a million
