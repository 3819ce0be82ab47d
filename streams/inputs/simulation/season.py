"""Plans the whole period: everybody's habits, then the word of mouth that they start, then the order of arrival."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.inputs.simulation.calendar import DAY_US, MINUTE_US, NEVER
from streams.inputs.simulation.episodes import EPISODES, TYPES
from streams.inputs.simulation.plan import NO_SENTIMENT, Rows, World, play, set_scenes
from streams.inputs.simulation.population import FIRST_TOUCH, ONCE, RATES

__all__ = ["arrivals", "plan_season"]

_SHARE: Final = TYPES.index("social.share")
_PURCHASES: Final = [number for number, name in enumerate(TYPES) if name.endswith(".purchase")]
_BROUGHT: Final = {"brought_online": 1.2, "brought_store": 0.4}  # visits that one share brings
_GENERATIONS: Final = 3
_REFERRED: Final = 0.5  # share of brought purchases that are credited to who brought them
_ANGRY: Final = -30  # sentiment in hundredths
_DUPLICATED: Final = 0.005
_LATE: Final = 0.01
_LATE_MINUTES: Final = 90.0  # on average
_MOST_LATE_MINUTES: Final = 600.0
_MAILED: Final = ("newsletter", "survey")


def plan_season(rng: np.random.Generator, world: World) -> Rows:
    """Return all events, unordered; `cause` counts into the result. Those after the end are still in it."""
    blocks = [_first_touches(rng, world), *(_habit(rng, world, name) for name in RATES)]
    blocks += [_once(rng, world, name) for name in ONCE]
    fresh = rows = np.concatenate(blocks)
    offset = 0
    for _ in range(_GENERATIONS):
        fresh = _word_of_mouth(rng, world, fresh, offset)
        offset = len(rows)
        rows = np.concatenate([rows, fresh])
    return np.concatenate([rows, _referrals(rng, world, rows)])


def _first_touches(rng: np.random.Generator, world: World) -> Rows:
    people = world.people
    touch = rng.choice(len(FIRST_TOUCH), size=len(people), p=list(FIRST_TOUCH.values()))
    blocks = []
    for number, name in enumerate(FIRST_TOUCH):
        person = np.flatnonzero(touch == number)
        day = people.first_day[person]
        at = world.calendar.draw(
            rng, day, np.minimum(day + 6, people.last_day[person]), EPISODES[name].rhythm
        )
        blocks.append(play(rng, world, name, set_scenes(rng, world, person, at)))
    return np.concatenate(blocks)


def _habit(rng: np.random.Generator, world: World, name: str) -> Rows:
    people = world.people
    months = (people.last_day - people.first_day + 1) / 30
    expected = np.array(RATES[name])[people.persona] * months
    if name not in _MAILED:  # who sends mails decides how many
        expected = expected * people.activity
    person = np.repeat(np.arange(len(people)), rng.poisson(expected))
    at = world.calendar.draw(rng, people.first_day[person], people.last_day[person], EPISODES[name].rhythm)
    if name in _MAILED:
        known = people.once["sign_up"][person] < at
        person, at = person[known], at[known]
    return play(rng, world, name, set_scenes(rng, world, person, at))


def _once(rng: np.random.Generator, world: World, name: str) -> Rows:
    at = world.people.once[name]
    person = np.flatnonzero(at != NEVER)
    return play(rng, world, name, set_scenes(rng, world, person, at[person]))


def _word_of_mouth(rng: np.random.Generator, world: World, rows: Rows, offset: int) -> Rows:
    angry = (rows["sentiment"] != NO_SENTIMENT) & (rows["sentiment"] <= _ANGRY)
    shares = np.flatnonzero((rows["type"] == _SHARE) & ~angry)  # who shares in anger brings nobody
    blocks = []
    for name, brought in _BROUGHT.items():
        index = np.repeat(shares, rng.poisson(brought, len(shares)))
        person = rng.integers(max(len(world.people), 1), size=len(index))
        index, person = (part[person != rows["person"][index]] for part in (index, person))
        scenes = set_scenes(rng, world, person, _soon(rng, rows["at"][index]))
        about = replace(scenes, brand=rows["brand"][index], post=rows["content"][index], cause=offset + index)
        blocks.append(play(rng, world, name, about))
    return np.concatenate(blocks)


def _soon(rng: np.random.Generator, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """Within a few hours, or about that time on one of the next days."""
    days = rng.choice([0, 1, 2], size=len(at), p=[0.6, 0.3, 0.1])
    soon: NDArray[np.int64] = at + days * DAY_US + (rng.exponential(40, len(at)) * MINUTE_US).astype(np.int64)
    return soon


def _referrals(rng: np.random.Generator, world: World, rows: Rows) -> Rows:
    bought = np.flatnonzero(np.isin(rows["type"], _PURCHASES) & (rows["cause"] >= 0))
    bought = bought[rng.random(len(bought)) < _REFERRED]
    sharer = rows["person"][rows["cause"][bought]].astype(np.intp)
    scenes = set_scenes(rng, world, sharer, rows["at"][bought] + MINUTE_US)
    return play(rng, world, "referral", replace(scenes, brand=rows["brand"][bought]))


def arrivals(
    rng: np.random.Generator, world: World, rows: Rows
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return row numbers in the order of arrival, and when each arrives.

    The order is that of event time but for late ones; some rows come twice.
    """
    inside = np.flatnonzero(rows["at"] < world.calendar.end_us)
    at = rows["at"][inside]
    late = np.minimum(rng.exponential(_LATE_MINUTES, len(at)), _MOST_LATE_MINUTES) * MINUTE_US
    arrived = at + np.where(rng.random(len(at)) < _LATE, late, 0).astype(np.int64)
    again = np.flatnonzero(rng.random(len(at)) < _DUPLICATED)
    redelivered = arrived[again] + (rng.exponential(30, len(again)) * MINUTE_US).astype(np.int64)
    arrived = np.concatenate([arrived, redelivered])
    order = np.argsort(arrived, kind="stable")
    return np.concatenate([inside, inside[again]])[order], arrived[order]
