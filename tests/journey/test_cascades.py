"""Cascades are a function of the set of touches: an oracle that follows names, and laws over random worlds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from journey.cascades import SKEW_US, Edge, Naming, Node, edges, nodes, unsent

NAMES = ["a", "b", "c", "d", "e", "f"]
MINUTE_US = 60_000_000


@st.composite
def worlds(draw):
    """Touches of two brands that name each other at random: cycles, doubled ids, share codes, clocks that differ."""
    rng = draw(st.randoms(use_true_random=True))
    spread = rng.choice([1, 2, 13])  # minutes; in one, all cycles are of one time
    return [
        Naming(
            event,
            rng.randrange(spread) * MINUTE_US,
            rng.choice("xy"),
            rng.choice(NAMES),
            rng.choice(["", "", "", "f", "g"]),
            rng.choice(["", *NAMES, "g", "nobody"]),
            rng.choice("pq"),
        )
        for event in range(1, rng.randrange(15) + 1)
    ]


def touch(event, minutes, cause="", code="", brand="x", name=None):
    return Naming(event, round(minutes * MINUTE_US), brand, name or f"t{event}", code, cause)


def meant(world, brand, name):
    """Return the touch that a name means, or None: the slow way."""
    for field in ("id", "code"):
        found = [t for t in world if t.brand == brand and name and getattr(t, field) == name]
        if found:
            return min(found, key=lambda t: (t.time_us, t.source, t.id, t.event))
    return None


def joins(world, effect):
    """Whether the effect joins what it means, by the words of the rule."""
    cause = meant(world, effect.brand, effect.cause)
    if cause == effect or cause.time_us > effect.time_us + SKEW_US:
        return False
    if cause.time_us > effect.time_us:
        before = meant(world, cause.brand, cause.cause)
        starts = before in (None, cause) or before.time_us > cause.time_us + SKEW_US
        return starts or before.time_us <= effect.time_us
    return True


def is_first_of_a_cycle(world, effect):
    """Whether what brought a touch leads back to it, and nothing on the way is before it by time, source and id."""
    way, above = [effect], effect
    while above.cause and meant(world, above.brand, above.cause) and joins(world, above):
        above = meant(world, above.brand, above.cause)
        if above == effect:
            return effect == min(way, key=lambda t: (t.time_us, t.source, t.id, t.event))
        if above in way:
            return False
        way.append(above)
    return False


def way_up(world, effect):
    """List what brought a touch, and what brought that, to the start."""
    if not effect.cause:
        return []
    cause = meant(world, effect.brand, effect.cause)
    if cause is None:
        return [unsent(effect.brand, effect.cause)]
    holds = joins(world, effect) and not is_first_of_a_cycle(world, effect)
    return [cause.event, *way_up(world, cause)] if holds else []


@settings(max_examples=1_000)
@given(worlds())
def test_every_touch_stands_where_following_the_names_leads(world):
    ways = {t.event: way_up(world, t) for t in world}
    starts = {way[-1] for way in ways.values() if way}
    expected = {e: Node(way[-1], way[0], len(way)) for e, way in ways.items() if way}
    assert nodes(edges(world)) == expected | {root: Node(root, 0, 0) for root in starts}


@given(worlds(), st.randoms())
def test_order_and_repetition_change_nothing(world, random):
    again = [*world, *random.choices(world, k=5)] if world else []
    random.shuffle(again)
    assert edges(again) == edges(world)
    assert nodes(edges(again)) == nodes(edges(world))


@given(worlds())
def test_every_touch_that_names_a_cause_has_an_edge_and_what_does_not_hold_brings_nothing(world):
    found = edges(world)
    assert found.keys() == {t.event for t in world if t.cause}
    placed = nodes(found)
    for event, edge in found.items():
        counts = edge.state in {"joined", "missing"}
        assert counts == (event in placed and placed[event].generation > 0)


@given(worlds())
def test_one_brand_says_nothing_of_another(world):
    alone = [t for t in world if t.brand == "x"]
    assert edges(alone) == {e: edge for e, edge in edges(world).items() if e in {t.event for t in alone}}


def test_a_cause_that_comes_later_takes_those_that_waited_for_it():
    waiting = [touch(2, 10, "t1"), touch(3, 11, "t1"), touch(4, 12, "t3")]
    root = unsent("x", "t1")
    assert nodes(edges(waiting))[4] == Node(root, 3, 2)
    assert nodes(edges([*waiting, touch(1, 5, "t0")]))[4] == Node(unsent("x", "t0"), 3, 3)


def test_a_cycle_is_cut_above_its_oldest_touch():
    ring = [touch(1, 0, "t3"), touch(2, 1, "t1"), touch(3, 2, "t2")]
    assert edges(ring)[1] == Edge(3, "disordered")
    assert nodes(edges(ring)) == {1: Node(1, 0, 0), 2: Node(1, 1, 1), 3: Node(1, 2, 2)}


def test_touches_of_one_time_join_in_any_order_of_their_keys_and_a_cycle_of_them_is_cut_at_the_first_by_source_and_id():
    for keys in ((1, 2, 3, 4), (4, 3, 2, 1), (3, 1, 4, 2)):
        d, c, b, a = (
            touch(key, 0, cause, name=name)
            for key, cause, name in zip(keys, ["c", "b", "a", ""], "dcba", strict=True)
        )
        assert {e: n.generation for e, n in nodes(edges([d, c, b, a])).items()} == dict(
            zip(keys, (3, 2, 1, 0), strict=True)
        )
        ring = [
            touch(key, 0, cause, name=name)
            for key, cause, name in zip(keys, ["b", "c", "d", "a"], "abcd", strict=True)
        ]
        found = edges(ring)
        assert [found[key].state for key in keys] == ["disordered", "joined", "joined", "joined"]
        early = [
            touch(keys[0], 2, "e", name="c"),
            touch(keys[1], 0, "c", name="e"),
        ]  # in two steps back to the same time
        assert {edge.state for edge in edges(early).values()} == {"disordered", "joined"}


def test_clocks_that_differ_are_allowed_for_and_forged_times_are_not():
    assert edges([touch(1, 5), touch(2, 0, "t1")])[2].state == "joined"
    assert edges([touch(1, 5.01), touch(2, 0, "t1")])[2].state == "early"
    assert edges([touch(1, -3), touch(2, 2, "t1"), touch(3, 0, "t2")])[3].state == "joined"
    assert edges([touch(1, 0, "t1")])[1].state == "self"


def test_a_touch_is_named_by_id_before_share_code_and_then_the_earliest():
    shared = [touch(1, 1, code="ANN"), touch(2, 2, code="ANN"), touch(3, 3, "ANN")]
    assert edges(shared)[3] == Edge(1, "joined")
    assert edges([*shared, touch(4, 2.5, name="ANN")])[3] == Edge(4, "joined")


def test_a_long_chain_is_walked_without_recursion():
    chain = [touch(event, event, f"t{event - 1}") for event in range(1, 20_001)]
    assert nodes(edges(chain))[20_000] == Node(unsent("x", "t0"), 19_999, 20_000)
