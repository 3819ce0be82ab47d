"""Counts the people of a history that is gone through: those of the periods of alerts from touches that are read once."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from journey.alerts import MINUTE_US, Scope
from streams.alerts.counts import TOUCHES, Minutes, Queryable, Signal, Watched
from streams.alerts.read_ahead import OneAtATime

__all__ = ["TAKES_BACK", "PastCounts", "PastSignal"]

# Verbs, and what each takes back: `reversed` in the view advocacy_touches.
TAKES_BACK = {
    "unshare": "share", "unreview": "review", "withdrawn_content": "user_content", "unlike": "like", "uncomment": "comment",
    "unfollow": "follow", "leave": "join", "unimpression": "impression", "undo_check_in": "check_in",
}  # fmt: skip
_BEFORE_US = 1440 * MINUTE_US  # that touches are read before the counts: an alert may have begun there
_KINDS = ("channel", "place", "product", "content")
_MICROS = "toUnixTimestamp64Micro(time)"
_OF_PERIOD = (
    "brand = {brand:String} AND time >= {since:DateTime64(6, 'UTC')} AND time < {until:DateTime64(6, 'UTC')}"
)
_UNDONE = "transform(substringIndex(type, '.', -1), {verbs:Array(String)}, {undone:Array(String)}, '')"
_DONE = f"if({_UNDONE} != '', concat(substringIndex(type, '.', 1), '.', {_UNDONE}), toString(type))"
_DOUBTFUL = f"""
WITH (
    SELECT groupArray(toString(type)) FROM model_weights FINAL
    WHERE model = {{model:String}} AND stage = 'advocacy' AND weight != 0
) AS patterns
SELECT {_MICROS} AS at_us FROM interactions
WHERE {_OF_PERIOD} AND (handle, {_DONE}, content) IN
(
    SELECT handle, {_DONE}, content FROM interactions
    WHERE {_OF_PERIOD} AND {_UNDONE} != '' AND (has(patterns, {_DONE}) OR has(patterns, concat('*.', {_UNDONE})))
)
ORDER BY at_us"""


@dataclass(frozen=True, slots=True)
class PastCounts:
    """The people of each minute of a period, by brand and direction, and the hash of the model under which they count."""

    period_us: tuple[int, int]
    model: str
    minutes: dict[Watched, Minutes]


@dataclass(frozen=True, slots=True)
class _Touches:
    """The touches of a brand in a period, in order of time, and when somebody did what is taken back somewhere in it."""

    brand: str
    since_us: int
    until_us: int
    times: Sequence[int]
    rows: Sequence[Sequence[Any]]
    doubtful: Sequence[int]

    def tell(self, brand: str, since_us: int, until_us: int) -> bool:
        """Return whether the touches of a shorter period are those of these that are in it.

        Whether a touch counts depends on the period only by what takes it back: an interaction of the same handle, area and
        content. Where there is one in the long period, none of what it may take back, nor it, may be in the shorter one.
        All other touches count in either.
        """
        return (
            brand == self.brand
            and self.since_us <= since_us
            and until_us <= self.until_us
            and bisect_left(self.doubtful, since_us) == bisect_left(self.doubtful, until_us)
        )

    def people(self, direction: str, scope: Scope, since_us: int, until_us: int) -> int:
        """Return the distinct customers of a scope in a period."""
        here = self.rows[bisect_left(self.times, since_us) : bisect_left(self.times, until_us)]
        if scope.kind in _KINDS:
            place = 3 + _KINDS.index(scope.kind)
            here = [row for row in here if row[place] == scope.value]
        return len({row[1] for row in here if row[2] == direction})


class PastSignal(Signal):
    """A signal of which periods are asked one after the other, with the people of many short ones in each.

    A query for people takes 75 ms, however few, nearly all of it to plan the view; and an alert has three or more.
    `read` may run in another thread meanwhile: it changes nothing here, and of both threads' queries one runs at a time.
    """

    def __init__(self, store: Queryable) -> None:
        super().__init__(OneAtATime(store))
        self._counted_us = (0, 0)
        self._touches: _Touches | None = None

    def read(self, since_us: int, until_us: int, brands: Sequence[str] | None = None) -> PastCounts:
        """Return the people of each minute that begins in a period, as `Signal.counts` does."""
        signal = Signal(self._store)
        minutes = signal.counts(since_us, until_us, brands)
        return PastCounts((since_us, until_us), signal.model(), minutes)

    def turn(self, read: PastCounts) -> dict[Watched, Minutes]:
        """Go on to a period that was read: `people` is of it from here on. Return its minutes."""
        since_us, until_us = read.period_us
        self._counted_us, self._touches, self._model = (since_us - _BEFORE_US, until_us), None, read.model
        return read.minutes

    def counts(
        self, since_us: int, until_us: int, brands: Sequence[str] | None = None
    ) -> dict[Watched, Minutes]:
        """Read a period and go on to it."""
        return self.turn(self.read(since_us, until_us, brands))

    def people(self, watched: Watched, scope: Scope, since_us: int, until_us: int) -> int:
        """Return the distinct customers of a scope in a period, as Signal does."""
        brand, direction = watched
        first_us, end_us = self._counted_us
        if not first_us <= since_us <= until_us <= end_us:
            return super().people(watched, scope, since_us, until_us)
        if self._touches is None or self._touches.brand != brand:
            self._touches = self._read(brand)
        if not self._touches.tell(brand, since_us, until_us):
            return super().people(watched, scope, since_us, until_us)
        return self._touches.people(direction, scope, since_us, until_us)

    def _read(self, brand: str) -> _Touches:
        since_us, until_us = self._counted_us
        parameters = self._period(since_us, until_us) | {
            "brand": brand,
            "verbs": list(TAKES_BACK),
            "undone": list(TAKES_BACK.values()),
        }
        rows = self._store.query(
            f"SELECT {_MICROS}, customer, toString(direction), toString(channel), toString(place), product, content"
            f" FROM {TOUCHES} WHERE brand = {{brand:String}}",
            parameters,
        )
        rows = sorted(rows, key=lambda row: int(row[0]))
        doubtful = self._store.query(_DOUBTFUL, parameters)
        times = [int(row[0]) for row in rows]
        return _Touches(brand, since_us, until_us, times, rows, [int(row[0]) for row in doubtful])
