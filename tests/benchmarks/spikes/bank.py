"""The bank: real series whose labelled windows are cut out, spikes of known size and length put in; recall, delay, false alarms.

No setting of the detector is chosen on the labels of the five Twitter volumes: a change is made for a reason, kept if the bank
and `kinds` are the better for it, and then the labelled series say what it is worth.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from tests import nab
from tests.benchmarks.spikes.injected import own_alarms
from tests.benchmarks.spikes.kinds import KINDS, judged
from tests.benchmarks.spikes.simulator import SHAPES, Simulated, profile
from tests.benchmarks.spikes.tried import TRIED, Evidence, alarms

__all__ = ["run", "tried"]

_SIZES, _LENGTHS_S = (2.0, 4.0, 8.0), (900, 3600, 14_400)
_DAY_S, _GRACE_S, _FIRST_S = 86_400, 1800, 3 * 86_400
_CASES = [(size, length) for size in _SIZES for length in _LENGTHS_S]
_DRAWS = 1_000
_STEPS = [place / 50 for place in range(-50, 51)]  # of a threshold, in decades
_Column = NDArray[np.float64]


@dataclass(frozen=True)
class Real:
    """A real series without its labelled windows."""

    name: str
    times_s: NDArray[np.int64]
    counts: _Column
    width_s: int

    @property
    def days(self) -> int:
        return int((self.times_s[-1] - self.times_s[0] - _FIRST_S) // _DAY_S)


@dataclass(frozen=True)
class Spike:
    """What became of a spike that was put in: minutes until its alarm, None without."""

    series: str
    day: int
    size: float
    length_s: int
    delay_min: float | None


def run() -> None:
    """Print the bank's table for the detector as it is."""
    spikes, false = list[Spike](), dict[tuple[str, int], int]()
    for real in _series():
        false |= _false(real)
        spikes += _looked_for(real)
    months = len(false) / 30
    print(
        f"\nthe bank: {len({one.series for one in spikes})} real series, {months:.1f} months, {len(spikes)} spikes"
    )
    print(f"false alarms a month {_interval([n * 30.0 for n in false.values()], list(false))}")
    for title, wanted in _rows():
        some = [one for one in spikes if wanted(one)]
        found = [float(one.delay_min is not None) for one in some]
        delays = [one.delay_min for one in some if one.delay_min is not None]
        delay = f"{np.median(delays):.0f} min" if delays else "–"
        print(
            f"{title:24s} recall {_interval(found, [(one.series, one.day) for one in some])}, delay {delay}"
        )
    for kind in KINDS:
        one = judged(kind, own_alarms, 8)
        print(f"{kind:28s} {one.found} of {one.spikes} found, {one.false_a_month:.1f} false a month")


def tried() -> None:
    """Print what was tried besides, each at the most false alarms that the detector as it is has."""
    banks = [
        (real, [Simulated(real.times_s, real.counts, (), real.width_s), *_all(real)]) for real in _series()
    ]
    whole = [_whole(name) for name in (*nab.NAMES, *nab.OTHERS)]
    most = None
    print("\ntried besides, at the false alarms of the detector as it is: recall, and the labelled series")
    for name, method in TRIED.items():
        evidences = [[method(one) for one in some] for _, some in banks]
        for above in (0.0,) if most is None else _STEPS:
            false, found = dict[tuple[str, int], int](), list[Spike]()
            for (real, some), each in zip(banks, evidences, strict=True):
                at = [one.times_s[alarms(its, one, above)] for one, its in zip(some, each, strict=True)]
                false |= _days(real, at[0])
                found += [
                    spike
                    for one, hits, case in zip(some[1:], at[1:], _CASES, strict=True)
                    for spike in _found(real, one, hits, case)
                ]
            rate = sum(false.values()) / len(false) * 30
            most = rate if most is None else most
            if rate <= most + 1e-9:
                break
        recall = _interval(
            [float(one.delay_min is not None) for one in found], [(one.series, one.day) for one in found]
        )
        five, others = (
            nab.total([_judged(one, method, above) for one in part], 0.5) for part in (whole[:5], whole[5:])
        )
        print(f"{name:28s} false {rate:.2f}, recall {recall}, five {five:.1f}, others {others:.1f}")


def _whole(name: str) -> tuple[str, NDArray[np.bool_], Simulated]:
    times, counts = nab.series(name)
    at = np.array([int(_at(text)) for text in times])
    kept = np.concatenate([[True], np.diff(at) > 0])
    width_s = int(np.min(np.diff(at[kept])))
    return name, kept, Simulated(at[kept], np.array(counts)[kept], (), width_s)


def _judged(one: tuple[str, NDArray[np.bool_], Simulated], method: Evidence, above: float) -> nab.Rows:
    name, kept, series = one
    scores = np.zeros(len(kept))
    scores[np.flatnonzero(kept)[alarms(method(series), series, above)]] = 1.0
    return nab.points(name, scores.tolist())


def _rows() -> Iterator[tuple[str, Callable[[Spike], bool]]]:
    yield "all", lambda _: True
    for size in _SIZES:
        yield f"×{1 + size:g}", lambda one, size=size: one.size == size
    for length in _LENGTHS_S:
        yield f"{length // 60} min", lambda one, length=length: one.length_s == length
    for name in (*nab.NAMES, *nab.OTHERS):
        yield name, lambda one, name=name: one.series == name


def _interval(values: Sequence[float], days: Sequence[object]) -> str:
    """Return a mean with the 90 % interval that resampling whole days gives."""
    names = {day: place for place, day in enumerate(dict.fromkeys(days))}
    of = np.array([names[day] for day in days])
    if not len(of):
        return "–"
    sums = np.bincount(of, values, len(names))
    counts = np.bincount(of, minlength=len(names))
    draws = np.random.default_rng(1).integers(len(names), size=(_DRAWS, len(names)))
    means = sums[draws].sum(1) / counts[draws].sum(1)
    low, high = np.quantile(means, [0.05, 0.95])
    return f"{np.mean(values):.2f} ({low:.2f} to {high:.2f})"


def _series() -> Iterator[Real]:
    for name in (*nab.NAMES, *nab.OTHERS):
        times, counts = nab.series(name)
        at = np.array([int(_at(text)) for text in times])
        width_s = int(np.min(np.diff(at)[np.diff(at) > 0]))
        kept = np.concatenate([[True], np.diff(at) > 0])
        for begin, end in nab.windows(name):
            kept &= (at < _at(begin)) | (at > _at(end))
        yield Real(name, at[kept], np.array(counts)[kept], width_s)


def _at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _false(real: Real) -> dict[tuple[str, int], int]:
    """Return the alarms of each day after the first three; those of a day are one."""
    series = Simulated(real.times_s, real.counts, (), real.width_s)
    return _days(real, real.times_s[own_alarms(series)])


def _days(real: Real, times_s: NDArray[np.int64]) -> dict[tuple[str, int], int]:
    found = {(real.name, day): 0 for day in range(real.days)}
    for at in times_s:
        day = (real.name, int((at - real.times_s[0] - _FIRST_S) // _DAY_S))
        if day in found:
            found[day] = 1
    return found


def _looked_for(real: Real) -> Iterator[Spike]:
    for series, case in zip(_all(real), _CASES, strict=True):
        yield from _found(real, series, series.times_s[own_alarms(series)], case)


def _all(real: Real) -> list[Simulated]:
    """Return the series with spikes of each size and length."""
    return [_injected(real, size, length_s, seed) for seed, (size, length_s) in enumerate(_CASES)]


def _found(real: Real, series: Simulated, at: NDArray[np.int64], case: tuple[float, int]) -> Iterator[Spike]:
    for begin, end in series.spikes:
        since, until = series.times_s[begin], series.times_s[end]
        hits = at[(at >= since) & (at < until + _GRACE_S)]
        delay = float(hits[0] - since + real.width_s) / 60 if len(hits) else None
        yield Spike(real.name, int(since // _DAY_S), *case, delay)


def _injected(real: Real, size: float, length_s: int, seed: int) -> Simulated:
    """Return the series with a spike about every fourth day: at its height `size` times what its hour of the day has."""
    generator = np.random.default_rng([seed, len(real.times_s)])
    step_s = float(np.median(np.diff(real.times_s)))
    rows, counts, spikes = max(1, int(length_s / step_s)), real.counts.copy(), []
    usual, at_s = _usual(real), float(real.times_s[0] + _FIRST_S)
    while True:
        at_s += generator.uniform(2.5, 4.5) * _DAY_S
        at = int(np.searchsorted(real.times_s, at_s))
        if at + rows >= len(counts):
            break
        if real.times_s[at + rows] - real.times_s[at] > rows * step_s * 2:
            continue  # in a gap
        shape = profile(SHAPES[len(spikes) % len(SHAPES)], rows)
        counts[at : at + rows] += generator.poisson(size * usual[at : at + rows] * shape)
        spikes.append((at, at + rows))
    return Simulated(real.times_s, counts, tuple(spikes), real.width_s)


def _usual(real: Real) -> _Column:
    """Return what the hour of the day of each row has: the greater of its median and its mean without its highest tenth."""
    hours = real.times_s // 3600 % 24
    by_hour = np.zeros(24)
    for hour in np.unique(hours):
        here = real.counts[hours == hour]
        by_hour[hour] = max(np.median(here), np.minimum(here, np.quantile(here, 0.9)).mean())
    return by_hour[hours]
