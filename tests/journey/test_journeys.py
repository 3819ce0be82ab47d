"""What is announced, against stages computed from scratch after every step."""

import math
from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from journey.evidence import EPOCH_US, NEVER
from journey.identity.graph import IdentityGraph
from journey.identity.links import Links
from journey.identity.policy import IdentityPolicy
from journey.journeys import Journeys, Pairs, Reason
from journey.model import Model, StagePolicy
from journey.stage import STAGES

DAY_US = 86_400_000_000
MODEL = Model("m", tuple(StagePolicy(30 * DAY_US, 1.0) for _ in STAGES), (), {}, {})
HANDLES, BRANDS = 5, 2

evidence = st.tuples(
    st.integers(0, BRANDS - 1),
    st.integers(0, HANDLES - 1),
    st.integers(0, 4),
    st.sampled_from([-1.1, 0.7, 1.3, 2.9]),
)
link = st.tuples(st.integers(0, HANDLES - 2), st.booleans())
step = st.tuples(
    st.lists(evidence, max_size=4), st.lists(link, max_size=2, unique_by=lambda x: x[0]), st.integers(0, 60)
)


class Simple:
    """Evidence as a list and links as a set; stages by the formula."""

    def __init__(self):
        self.terms = defaultdict(list)
        self.links = set()

    def customer(self, handle):
        while (
            handle > 0 and handle - 1 in self.links
        ):  # links run between neighbours, so components are ranges
            handle -= 1
        return handle

    def stages(self, now_us):
        sums = defaultdict(float)
        for (brand, handle, stage), terms in self.terms.items():
            sums[brand, self.customer(handle), stage] += sum(
                w * 2 ** ((t - now_us) / (30 * DAY_US)) for w, t in terms
            )
        held = defaultdict(int)
        for (brand, customer, stage), score in sums.items():
            if score >= 1 - 1e-9:
                held[brand, customer] = max(held[brand, customer], stage + 1)
        return {key: stage for key, stage in held.items() if stage}


def one_link(left, *, live, now_us):
    withdrawn, restored = (NEVER, now_us) if live else (now_us, NEVER)
    return (
        np.array([left]),
        np.array([left + 1]),
        np.array([True]),
        np.array([withdrawn]),
        np.array([restored]),
    )


def take_step(journeys, simple, events, said, now_us):
    """Do to both what one batch does; return what is announced."""
    graph, touched = journeys.graph, [Pairs.none()]
    for brand, handle, stage, weight in events:
        sums = np.full((1, len(STAGES)), np.nan)
        sums[0, stage] = weight * 2 ** ((now_us - EPOCH_US) / (30 * DAY_US))
        journeys.add(Pairs.untold(np.array([brand]), np.array([handle])), sums)
        simple.terms[brand, handle, stage].append((weight, now_us))
        touched.append(Pairs(np.array([brand]), np.array([handle]), np.array([now_us])))
    moved = []
    for left, live in said:
        change = graph.update(Links(*one_link(left, live=live, now_us=now_us)))
        moved += [change.slot, change.old]
        (simple.links.add if live else simple.links.discard)(left)
    roots = [Pairs(part.brand, graph.roots(part.slot), part.at_us) for part in touched]
    parts = [*roots, journeys.due(now_us), *map(journeys.customers_of, moved)]
    together = Pairs(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("brand", "slot", "at_us")))
    return journeys.announce(together.distinct(), now_us)


def new_journeys():
    graph = IdentityGraph(IdentityPolicy())
    graph.slots(np.arange(1, HANDLES + 1, dtype=np.uint64), np.arange(HANDLES))
    return Journeys(MODEL, graph)


@settings(max_examples=300)
@given(st.lists(step, max_size=12))
def test_every_announcement_starts_where_the_last_ended_and_ends_at_the_stage_of_now(steps):
    journeys, simple, told, now_us = new_journeys(), Simple(), {}, EPOCH_US
    for number, (events, said, days) in enumerate(steps):
        now_us = now_us + days * DAY_US + number + 1
        changes = take_step(journeys, simple, events, said, now_us)
        keys = list(zip(changes.brand.tolist(), changes.slot.tolist(), strict=True))
        assert len(set(keys)) == len(keys)
        for key, old, new in zip(keys, changes.old.tolist(), changes.new.tolist(), strict=True):
            assert told.get(key, 0) == old != new
            told[key] = new
        assert {key: stage for key, stage in told.items() if stage} == simple.stages(now_us)
        assert (changes.at_us <= now_us).all()


def alone(weight, days=0):
    journeys, simple = new_journeys(), Simple()
    take_step(journeys, simple, [(0, 0, 4, weight)], [], EPOCH_US)
    return journeys, take_step(journeys, simple, [], [], EPOCH_US + days * DAY_US)


def test_a_lapse_is_announced_with_the_instant_of_the_lapse_and_not_with_that_of_the_announcement():
    _, changes = alone(2.0, days=90)
    assert changes.reason.tolist() == [Reason.LAPSE]
    assert abs(int(changes.at_us[0]) - (EPOCH_US + 30 * DAY_US)) < math.ceil(30 * DAY_US * 2e-9)


def test_customers_are_due_once_their_lapse_is_over_and_not_before():
    journeys, _ = alone(2.0)
    assert not len(journeys.due(EPOCH_US + 30 * DAY_US).brand)
    assert len(journeys.due(EPOCH_US + 30 * DAY_US + 100_000).brand) == 1


def test_nothing_is_announced_twice():
    journeys, _ = alone(2.0)
    assert not len(journeys.announce(journeys.everyone(), EPOCH_US))


def test_a_handle_that_joins_another_customer_is_announced_as_gone_with_identity_as_the_reason():
    journeys, simple = new_journeys(), Simple()
    take_step(journeys, simple, [(0, 1, 4, 2.0)], [], EPOCH_US)
    changes = take_step(journeys, simple, [], [(0, True)], EPOCH_US + 1)
    told = set(zip(changes.slot.tolist(), changes.old.tolist(), changes.new.tolist(), strict=True))
    assert told == {(1, 5, 0), (0, 0, 5)}
    assert set(changes.reason.tolist()) == {Reason.IDENTITY}


def test_after_a_restart_a_customer_that_was_told_its_stage_is_not_told_again():
    told, _ = alone(2.0)
    again = new_journeys()
    sums = told.sums_of(told.everyone())
    again.add(told.everyone(), sums)
    again.restore_announced(told.everyone(), np.array([5], np.int8))
    assert not len(again.announce(again.everyone(), EPOCH_US))
    assert len(again.due(EPOCH_US + 31 * DAY_US).brand) == 1


def test_a_lapse_is_told_for_the_brand_beyond_any_sixteen_bits():
    """Brands are numbered as they appear: a busy process sees more of them than two bytes can number."""
    graph = IdentityGraph(IdentityPolicy())
    slots = graph.slots(np.array([7], np.uint64), np.zeros(1, np.int64))
    journeys, brands = Journeys(MODEL, graph), np.array([464, 65_535, 65_536, 66_000, 2**32 - 1])
    pairs = Pairs.untold(brands, np.repeat(slots, len(brands)))
    journeys.add(pairs, np.full((len(brands), len(STAGES)), 1.5))
    told = journeys.announce(journeys.everyone(), EPOCH_US)
    assert sorted(told.brand) == sorted(brands)
    later_us = EPOCH_US + 365 * DAY_US
    lapsed = journeys.announce(journeys.due(later_us), later_us)
    assert sorted(lapsed.brand) == sorted(brands)
    assert {*lapsed.reason} == {Reason.LAPSE}
