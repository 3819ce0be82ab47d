"""Draws the people: personas with their habits, and the traits of each person."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streams.inputs.simulation.calendar import NEVER, Calendar
from streams.inputs.simulation.episodes import Rhythm
from streams.inputs.simulation.handles import COOKIE_2, LOYALTY, USER, Rule

__all__ = ["FIRST_TOUCH", "ONCE", "RATES", "Population", "draw_population"]

# The quiet buy now and then and never say a word; of the others, a quarter speaks in public.
PERSONAS: Final = ("browser", "quiet", "shopper", "store_goer", "fan", "critic", "advocate")
_SHARES: Final = (0.25, 0.24, 0.18, 0.15, 0.09, 0.04, 0.05)
_BRITISH: Final = 0.12
_TWO_BROWSERS: Final = 0.5
_MOOD: Final = ((4, 3), (4, 2), (5, 2), (5, 2), (7, 2), (2, 6), (12, 1))  # Beta(a, b): how happy, 0 to 1

FIRST_TOUCH: Final = {"scroll": 0.4, "browse": 0.4, "pass_by": 0.2}

# Episodes per 30 days, in the order of PERSONAS.
RATES: Final[dict[str, tuple[float, ...]]] = {
    "scroll": (1.9, 0.6, 1.3, 1.3, 4.8, 1.6, 3.2),
    "engage": (0.16, 0.0, 0.6, 0.3, 4.8, 0.8, 3.2),
    "unfollow": (0.08, 0.02, 0.08, 0.08, 0.16, 0.8, 0.08),
    "browse": (1.9, 1.2, 4.0, 1.0, 1.9, 1.9, 2.9),
    "shop": (0.08, 0.5, 3.2, 0.16, 0.8, 1.0, 1.6),
    "app": (0.16, 0.2, 2.4, 0.8, 1.6, 0.6, 1.6),
    "pass_by": (1.3, 0.8, 1.0, 4.8, 1.0, 0.8, 1.0),
    "visit": (0.08, 0.8, 0.6, 4.8, 0.8, 1.0, 1.3),
    "showroom": (0.05, 0.15, 1.0, 0.8, 0.3, 0.3, 0.5),
    "webroom": (0.05, 0.15, 0.6, 1.0, 0.3, 0.3, 0.5),
    "newsletter": (4.0,) * 7,
    "support": (0.05, 0.06, 0.3, 0.2, 0.16, 0.6, 0.3),
    "complaint": (0.0, 0.02, 0.08, 0.05, 0.03, 0.4, 0.02),
    "share": (0.0, 0.0, 0.08, 0.08, 0.8, 0.16, 4.0),
    "community": (0.0, 0.0, 0.08, 0.08, 1.6, 1.0, 1.9),
    "creation": (0.0, 0.0, 0.08, 0.0, 0.6, 0.0, 1.3),
    "opinion": (0.0, 0.02, 0.16, 0.16, 0.3, 0.9, 1.0),
    "survey": (0.3, 0.1, 0.6, 0.6, 0.6, 1.3, 1.3),
}

# What happens at most once, as the chance that it does within 30 days.
ONCE: Final[dict[str, tuple[float, ...]]] = {
    "sign_up": (0.20, 0.3, 0.80, 0.40, 0.60, 0.60, 0.90),
    "loyalty_join": (0.05, 0.3, 0.30, 0.75, 0.25, 0.25, 0.50),
    "connect": (0.10, 0.0, 0.20, 0.20, 0.70, 0.30, 0.70),
    "second_login": (0.40,) * 7,
    "app_login": (0.20, 0.1, 0.60, 0.50, 0.60, 0.50, 0.60),
}
_ONCE_RHYTHM: Final[dict[str, Rhythm]] = {"loyalty_join": "store"}
_EARLY: Final = 0.7  # nobody joins in the last part of a stay
_NEEDS_ACCOUNT: Final = ("connect", "second_login", "app_login")


@dataclass(frozen=True)
class Population:
    """The traits of the people, one row each; days are counted from the start, times in microseconds.

    `once[episode]` is when the person does what is done at most once, or NEVER.
    """

    persona: NDArray[np.intp]
    activity: NDArray[np.float64]
    mood: NDArray[np.float64]
    british: NDArray[np.bool_]
    favourite: NDArray[np.intp]
    first_day: NDArray[np.int64]
    last_day: NDArray[np.int64]
    second_cookie_at: NDArray[np.int64]
    once: dict[str, NDArray[np.int64]]

    def __len__(self) -> int:
        """Return how many people there are."""
        return len(self.persona)

    def has(self, person: NDArray[np.intp], at: NDArray[np.int64], who: Rule) -> NDArray[np.uint8]:
        """Return the handles by which each person can be recognised at a time, as a bit set."""
        account = (
            "connect" if who == "social" else "sign_up"
        )  # a network knows no account before it is connected
        bits = np.full(len(person), 0xFF ^ (COOKIE_2 | LOYALTY | USER), dtype=np.uint8)
        bits |= np.where(self.second_cookie_at[person] <= at, COOKIE_2, 0).astype(np.uint8)
        bits |= np.where(self.once["loyalty_join"][person] <= at, LOYALTY, 0).astype(np.uint8)
        bits |= np.where(self.once[account][person] <= at, USER, 0).astype(np.uint8)
        return bits


def draw_population(
    rng: np.random.Generator, calendar: Calendar, *, customers: int, brands: int
) -> Population:
    """Draw the people: half are there from the start, the others come later; some stop coming."""
    persona = rng.choice(len(PERSONAS), size=customers, p=_SHARES)
    a, b = np.array(_MOOD, dtype=np.float64).T
    newcomer, leaver = rng.random((2, customers)) < np.array([[0.5], [0.25]])
    first_day = np.where(newcomer, rng.integers(0, calendar.days, customers), 0)
    last_day = np.where(leaver, rng.integers(first_day, calendar.days), calendar.days - 1)
    late_cookie = calendar.draw(rng, first_day, last_day, "online")
    return Population(
        persona=persona,
        activity=rng.gamma(2.0, 0.5, customers),
        mood=rng.beta(a[persona], b[persona]),
        british=rng.random(customers) < _BRITISH,
        favourite=(brands * rng.random(customers) ** 1.3).astype(np.intp),
        first_day=first_day,
        last_day=last_day,
        second_cookie_at=np.where(rng.random(customers) < _TWO_BROWSERS, late_cookie, NEVER),
        once=_draw_once(rng, calendar, persona, first_day, last_day),
    )


def _draw_once(
    rng: np.random.Generator,
    calendar: Calendar,
    persona: NDArray[np.intp],
    first_day: NDArray[np.int64],
    last_day: NDArray[np.int64],
) -> dict[str, NDArray[np.int64]]:
    once: dict[str, NDArray[np.int64]] = {}
    last_day = first_day + (_EARLY * (last_day - first_day)).astype(np.int64)
    for episode, chances in ONCE.items():
        chance = 1 - (1 - np.array(chances)[persona]) ** (calendar.days / 30)
        at = calendar.draw(rng, first_day, last_day, _ONCE_RHYTHM.get(episode, "online"))
        does = rng.random(len(persona)) < chance
        if episode in _NEEDS_ACCOUNT:
            does &= once["sign_up"] < at
        once[episode] = np.where(does, at, NEVER)
    return once
