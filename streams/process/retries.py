"""Says how long to wait before what failed is tried again."""

import secrets
from collections.abc import Callable

__all__ = ["doubled_s"]

_chance = secrets.SystemRandom()


def doubled_s(
    failed: int,
    first_s: float,
    longest_s: float,
    asked_s: float = 0.0,
    chance: Callable[[float, float], float] = _chance.uniform,
) -> float:
    """Return the seconds to wait after so many failures before the last one: half to all of what doubling gives.

    Parameters
    ----------
    asked_s
        For how long the other side asks to wait; more than `longest_s` is not waited.
    """
    whole = min(longest_s, first_s * 2.0 ** min(failed, 30))
    return max(whole * chance(0.5, 1.0), min(asked_s, longest_s))
