"""The exact path of a customer through the stages, in event time: each change, by interactions of an instant or by lapse."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.histories.oracle import STAGES, Oracle, Stored, Term

__all__ = ["NEAR_US", "Change", "UnsureError", "path"]

NEAR_US = 20_000  # two lapses, or a lapse and an interaction, so near to each other that rounding may decide
_TOLERANCE = 1e-9
_LATEST_US = 10_413_791_999_000_000  # 2299-12-31: as late as tables can say


class UnsureError(Exception):
    """An error of a path that rounding decides."""


@dataclass(frozen=True)
class Change:
    """One change of stage; types are those of the interactions that were evidence, none for a lapse."""

    at_us: int
    before: str
    after: str
    types: tuple[str, ...]


def path(oracle: Oracle, touches: Sequence[Stored], now_us: int) -> list[Change]:
    """Return the changes up to now. Raises UnsureError where a float's rounding may decide."""
    found: list[Change] = []
    stage = "none"
    terms = oracle.terms(touches)
    instants = sorted({term.at_us for group in terms.values() for term in group if term.at_us <= now_us})
    for at_us, until_us in pairwise([*instants, now_us]):
        known = {name: [term for term in group if term.at_us <= at_us] for name, group in terms.items()}
        (new, *others) = oracle.stages(known, at_us)
        if others:
            raise UnsureError
        if new != stage:
            types = {
                t.event.type for t in touches if t.event.at_us == at_us and any(oracle.terms([t]).values())
            }
            found.append(Change(at_us, stage, new, tuple(sorted(types))))
            stage = new
        while stage != "none":
            lapses_us = _lapse(oracle, known, stage, at_us)
            if abs(lapses_us - until_us) < NEAR_US:
                raise UnsureError
            if lapses_us > min(until_us, _LATEST_US - 1):
                break
            rest = {name: _lapse(oracle, known, name, at_us) for name in STAGES[: STAGES.index(stage)]}
            if any(abs(other - lapses_us) < NEAR_US for other in rest.values()):
                raise UnsureError
            left = [name for name, other in rest.items() if other > lapses_us]
            after = left[-1] if left else "none"
            found.append(Change(lapses_us, stage, after, ()))
            stage = after
    return found


def _lapse(oracle: Oracle, terms: Mapping[str, Sequence[Term]], stage: str, at_us: int) -> int:
    """Return the last instant at which the score reaches the threshold if nothing more happens; `at_us` - 1 day if it does not."""
    score, _ = oracle.score(terms[stage], at_us)
    policy = oracle.model["stages"][stage]
    least = policy["threshold"] * (1 - _TOLERANCE)
    if score is None or score < least:
        return at_us - 86_400_000_000
    return at_us + math.floor(policy["half_life_days"] * 86_400_000_000 * math.log2(score / least))
