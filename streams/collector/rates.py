"""Limits the rate of each write key and address by token buckets, in bounded memory."""

import math
from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["Rates"]

_BURST_S = 2.0  # what was not used of so many seconds may be used at once


class Rates:
    """A token bucket for each name; beyond `most` names, the one that was used least recently is forgotten.

    A bucket that is forgotten begins full again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # tokens, and when (s)

    def take(self, name: Hashable, amount: float, per_s: float, now_s: float) -> int:
        """Take tokens and return 0; or take none and return after how many whole seconds that may be tried again.

        Parameters
        ----------
        amount
            How many; more than a full bucket holds is drawn from a full one, which then has a debt.
        per_s
            How many come in a second; 0 is without limit.
        """
        if not per_s:
            return 0
        full = per_s * _BURST_S
        tokens, since_s = self._buckets.pop(name, (full, now_s))
        tokens = min(full, tokens + (now_s - since_s) * per_s)
        missing = min(amount, full) - tokens
        self._buckets[name] = (tokens if missing > 0 else tokens - amount, now_s)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return max(1, math.ceil(missing / per_s)) if missing > 0 else 0
