"""Holds where a reader of the feed stands: in each partition, after which announcement."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from journey.errors import UserError

__all__ = ["BEGINNING", "Place", "Position", "PositionError"]

_MOST = 1 << 64
_PARTITIONS = 1 << 16
_FINGERPRINT = re.compile(r"[!-~]{0,100}")


class PositionError(UserError, ValueError):
    """A text that is no position of the feed."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An announcement of a partition. `rank`, a hash of brand and customer, tells apart those that were written together.

    So a position that is kept names nobody.
    """

    sequence: int
    rank: int


@dataclass(frozen=True, slots=True)
class Position:
    """The last announcement that a reader has of each partition; of one that is not named, they have none.

    Attributes
    ----------
    key
        Fingerprint of the key by which customers were named then: ranks are of its names.
    """

    places: Mapping[int, Place] = field(default_factory=dict)
    key: str = ""

    def after(self, partition: int, place: Place) -> "Position":
        """Return the position once a reader has an announcement too."""
        return Position({**self.places, partition: place}, self.key)

    def under(self, key: str) -> "Position":
        """Return the position where a key names customers; under another one, what was written last is read again whole."""
        if key == self.key:
            return self
        places = {partition: Place(place.sequence, 0) for partition, place in self.places.items()}
        return Position(places if self.key else self.places, key)

    def __str__(self) -> str:
        """Return the position as a text without spaces, to be kept and given back."""
        said: dict[str, object] = {"key": self.key} if self.key else {}
        said |= {str(number): [one.sequence, f"{one.rank:x}"] for number, one in sorted(self.places.items())}
        text = json.dumps(said, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(text).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the position of a text. Raises PositionError."""
        try:
            said = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            key = said.pop("key", "")
            places = {_number(int(number), _PARTITIONS): _place(*value) for number, value in said.items()}
            return cls(places, _fingerprint(key))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise PositionError("not a position of the feed, such as its events have as `cursor`") from error


BEGINNING = Position()


def _place(sequence: object, rank: object) -> Place:
    if not (type(sequence) is int and isinstance(rank, str)):
        raise TypeError
    return Place(_number(sequence, _MOST), _number(int(rank, 16), _MOST))


def _fingerprint(key: object) -> str:
    if not isinstance(key, str) or not _FINGERPRINT.fullmatch(key):
        raise TypeError
    return key


def _number(value: int, most: int) -> int:
    if not 0 <= value < most:
        raise ValueError
    return value
