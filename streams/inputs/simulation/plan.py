"""Plays the episodes as whole columns of events at once, with numbers in the place of names."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.inputs.simulation.calendar import DAY_US, MINUTE_US, Calendar
from streams.inputs.simulation.catalogue import (
    CAMPAIGNS,
    DEVICES,
    FIRST_MAIL,
    LIVE_POSTS,
    PAGES,
    POSTS,
    Catalogue,
)
from streams.inputs.simulation.episodes import EPISODES, TYPES, Episode, Step
from streams.inputs.simulation.handles import show
from streams.inputs.simulation.population import Population

__all__ = ["NO_SENTIMENT", "ROW", "Rows", "Scenes", "World", "play", "set_scenes"]

# One planned event; -1 is "without", amounts are cents (0 is without), sentiment is in hundredths.
ROW: Final = np.dtype(
    [
        ("at", "i8"), ("person", "i4"), ("type", "i2"), ("brand", "i2"), ("handles", "u1"), ("content", "i4"),
        ("product", "i2"), ("place", "i1"), ("campaign", "i4"), ("device", "i1"), ("cents", "i4"), ("rating", "i1"),
        ("sentiment", "i1"), ("cause", "i8"),
    ]
)  # fmt: skip
NO_SENTIMENT: Final = -128
_TYPE_NUMBER: Final = {name: number for number, name in enumerate(TYPES)}
_ADVERTISED: Final = 0.4  # share of what may belong to a campaign that does
_LOYAL: Final = 0.88  # share of performances that are about the favourite brand, or
_NEARBY: Final = 0.8  # at the store nearby, or
_OTHER_DEVICE: Final = 0.2  # not on the usual device
_LONDON: Final = 6  # the first British place
_BAD_DAYS: Final = 0.07  # share of performances in which something annoys
_WORSE: Final = 0.6  # and by how much it lowers the mood
_READ: Final = 0.6  # share of texts whose sentiment somebody has read

Rows = NDArray[np.void]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """The calendar, catalogue and people that all episodes share."""

    calendar: Calendar
    people: Population
    catalogue: Catalogue
    brands: int


@dataclass(frozen=True)
class Scenes:
    """Many performances of one episode: who, when, and what it is about."""

    person: NDArray[np.intp]
    at: Ints
    brand: Ints
    post: Ints
    product: Ints
    place: Ints
    cause: Ints
    mood: NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many performances there are."""
        return len(self.person)

    def where(self, mask: NDArray[np.bool_]) -> "Scenes":
        """Return those that the mask keeps."""
        return replace(self, **{name: column[mask] for name, column in vars(self).items()})


def set_scenes(rng: np.random.Generator, world: World, person: NDArray[np.intp], at: Ints) -> Scenes:
    """Draw what each performance is about: mostly the favourite brand, the store nearby, the popular products."""
    count, people = len(person), world.people
    anywhere = np.where(
        people.british[person], _LONDON + rng.integers(2, size=count), rng.integers(_LONDON, size=count)
    )
    nearby = np.where(people.british[person], _LONDON + person % 2, person % _LONDON)
    return Scenes(
        person=person,
        at=at,
        brand=np.where(
            rng.random(count) < _LOYAL, people.favourite[person], rng.integers(world.brands, size=count)
        ),
        post=rng.integers(LIVE_POSTS, size=count),
        product=(len(world.catalogue.products) * rng.random(count) ** 2).astype(np.int64),
        place=np.where(rng.random(count) < _NEARBY, nearby, anywhere),
        cause=np.full(count, -1, dtype=np.int64),
        mood=np.maximum(people.mood[person] - _WORSE * (rng.random(count) < _BAD_DAYS), 0),
    )


def play(rng: np.random.Generator, world: World, episode: str, scenes: Scenes) -> Rows:
    """Return the events of all performances of an episode, in no particular order."""
    script: Episode = EPISODES[episode]
    if script.mood is not None:
        scenes = replace(scenes, mood=np.full(len(scenes), script.mood))
    at, done, blocks = scenes.at, dict[str, NDArray[np.bool_]](), list[Rows]()
    for number, step in enumerate(script.steps):
        at = at if number == 0 else at + _gap(rng, step, len(scenes))
        happens = rng.random(len(scenes)) < step.p
        if step.if_done is not None:
            happens &= done[step.if_done]
        if step.unless_done is not None:
            happens &= ~done[step.unless_done]
        done[step.type] = happens | done.get(step.type, np.zeros_like(happens))
        blocks.append(_perform(rng, world, step, scenes.where(happens), at[happens]))
    return np.concatenate(blocks)


def _gap(rng: np.random.Generator, step: Step, count: int) -> Ints:
    minutes = rng.uniform(*step.minutes, count) * MINUTE_US
    days: Ints = rng.integers(step.days[0], step.days[1] + 1, count)
    return days * DAY_US + minutes.astype(np.int64)


def _perform(rng: np.random.Generator, world: World, step: Step, scenes: Scenes, at: Ints) -> Rows:
    rows = np.zeros(len(scenes), dtype=ROW)
    for name in ("content", "product", "place", "campaign", "device", "rating"):
        rows[name] = -1
    rows["sentiment"] = NO_SENTIMENT
    rows["at"], rows["person"], rows["type"] = at, scenes.person, _TYPE_NUMBER[step.type]
    rows["brand"], rows["cause"] = scenes.brand, scenes.cause
    rows["handles"] = show(rng, step.who, world.people.has(scenes.person, at, step.who))
    for carried in step.carries:
        _fill(rng, world, rows, scenes, carried)
    return rows


def _fill(  # noqa: C901 - a branch a field, as the script names them
    rng: np.random.Generator, world: World, rows: Rows, scenes: Scenes, carried: str
) -> None:
    count, mood = len(rows), scenes.mood
    match carried:
        case "post":
            rows["content"] = scenes.post
        case "any_post":
            rows["content"] = rng.integers(POSTS, size=count)
        case "page":
            rows["content"] = POSTS + (PAGES * rng.random(count) ** 1.5).astype(np.int64)
        case "mail":
            week = (scenes.at - world.calendar.start_us) // (7 * DAY_US)
            rows["content"], rows["campaign"] = FIRST_MAIL + week, len(CAMPAIGNS) + week
        case "advert":
            rows["campaign"] = np.where(rng.random(count) < _ADVERTISED, scenes.post % len(CAMPAIGNS), -1)
        case "product":
            rows["product"] = scenes.product
        case "place":
            rows["place"] = scenes.place
        case "amount":
            rows["cents"] = world.catalogue.prices[scenes.product]
        case "stars":
            felt = np.clip(mood + rng.normal(0, 0.12, count), 0, 1)
            extreme = felt * felt * (3 - 2 * felt)  # who rates is delighted or angry: few give three stars
            rows["rating"] = np.rint(1 + 4 * extreme)
        case "nps":
            rows["rating"] = np.clip(np.rint(10 * mood + rng.normal(1, 1.0, count)), 0, 10)
        case "sentiment":
            felt = np.clip(np.rint(100 * (2 * mood - 1) + rng.normal(0, 20, count)), -100, 100)
            rows["sentiment"] = np.where(rng.random(count) < _READ, felt, NO_SENTIMENT)
        case _:
            rows["device"] = (scenes.person + (rng.random(count) < _OTHER_DEVICE)) % len(DEVICES)
