"""From evidence to alarms, by the same rule for every method; and the threshold for so many false ones a month."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["alarms", "threshold_for"]

_DAY_S = 86_400
_STEPS = 200


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
    """Return the threshold at which quiet series have most alarms a month, on average, but no more than so many.

    It is sought from above until there are more. Far below, where every row alarms, all of a month is one event.
    """
    warm = round(warm_days * _DAY_S / width_s)
    after = [np.asarray(evidence)[warm:] for evidence in series]
    pooled = np.unique(np.concatenate(after))[::-1]
    months = sum(map(len, after)) * width_s / _DAY_S / 30
    threshold, most = float(pooled[0]) * (1 + 1e-9) + 1e-9, 0.0
    for rank in np.unique(np.geomspace(1, len(pooled), _STEPS).astype(int)) - 1:
        rate = sum(len(alarms(evidence, pooled[rank], width_s)) for evidence in after) / months
        if rate > per_month:
            break
        if rate >= most:
            threshold, most = float(pooled[rank]), rate
    return threshold
