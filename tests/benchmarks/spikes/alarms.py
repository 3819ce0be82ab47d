"""From evidence to alarms, by the same rule for every method; and the threshold for so many false ones a month."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["alarms", "threshold_for"]

_DAY_S = 86_400


def alarms(evidence: Sequence[float], threshold: float, width_s: float) -> NDArray[np.intp]:
    """Return the rows that begin an event: at the threshold, after a day below it."""
    hot = np.flatnonzero(np.asarray(evidence) >= threshold)
    if not len(hot):
        return hot
    first = np.concatenate([[True], np.diff(hot) * width_s > _DAY_S])
    return hot[first]


def threshold_for(
    per_month: float, series: Sequence[Sequence[float]], width_s: float, warm_days: float = 7
) -> float:
    """Return the lowest threshold at which quiet series have at most so many alarms a month, on average."""
    warm = round(warm_days * _DAY_S / width_s)
    months = sum(len(evidence) - warm for evidence in series) * width_s / _DAY_S / 30
    after = [np.asarray(evidence)[warm:] for evidence in series]
    low, high = 0.0, max(float(evidence.max()) for evidence in after) + 1
    for _ in range(30):
        middle = (low + high) / 2
        if sum(len(alarms(evidence, middle, width_s)) for evidence in after) / months > per_month:
            low = middle
        else:
            high = middle
    return high
