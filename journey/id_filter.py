"""Answers "was this id seen before?" for all of history in two bytes an id: "no" is certain, "perhaps" is not.

A Bloom filter in words of 64 bits: an id sets five bits of one word, so that an answer reads one word. With four ids a
word, 0.4 % of the ids that were never seen are "perhaps". Ids are hashes already, and are taken as they come.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from journey.seen import Ids

__all__ = ["BYTES_PER_ID", "IdFilter"]

BYTES_PER_ID = 2
MOST_BYTES = (
    2**31
)  # for a thousand million ids; of more, "perhaps" is answered more often, and no answer is wrong
_IDS_PER_WORD = 8 // BYTES_PER_ID
_LEAST_WORDS = 2**18
_BITS = 5
_ONE, _HALF, _SIX, _LAST_BIT = (np.uint64(number) for number in (1, 32, 6, 63))

U64 = NDArray[np.uint64]


class IdFilter:
    """Segments of words, each for half as many ids as all before it: it grows without being read again.

    Parameters
    ----------
    most_bytes
        Of all segments together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes // 8  # words that further segments may have
        self._segments: list[U64] = []
        self._room = 0  # ids that the last segment still takes

    @property
    def nbytes(self) -> int:
        """Bytes of all segments."""
        return sum(segment.nbytes for segment in self._segments)

    def expect(self, count: int) -> None:
        """Make room for so many ids, in one segment."""
        if count > self._room:
            self._grow(count)

    def add(self, ids: "Ids") -> None:
        """Remember ids."""
        if 0 < self._room < len(ids):
            cut = self._room
            self.add(ids.take(np.arange(cut)))
            ids = ids.take(np.arange(cut, len(ids)))
        if not len(ids):
            return
        if not self._room:
            self._grow(max(len(ids), self.nbytes // BYTES_PER_ID // 2))
        self._room -= len(ids)
        words = self._segments[-1]
        np.bitwise_or.at(words, _place(ids.high, len(words)), _bits(ids.low))

    def perhaps(self, ids: "Ids") -> NDArray[np.bool_]:
        """Mark the ids that may have been added: all that were, and few others."""
        found = np.zeros(len(ids), dtype=bool)
        bits = _bits(ids.low)
        for words in self._segments:
            found |= (words[_place(ids.high, len(words))] & bits) == bits
        return found

    def _grow(self, count: int) -> None:
        words = min(max(-(-count // _IDS_PER_WORD), _LEAST_WORDS), self._left)
        if words >= _LEAST_WORDS or not self._segments:
            self._segments.append(np.zeros(max(words, 1), np.uint64))
            self._left -= words
        else:  # full: the largest becomes denser
            self._segments.sort(key=len)
        self._room = max(count, len(self._segments[-1]) * _IDS_PER_WORD)


def _place(high: U64, words: int) -> U64:
    """Return the word of each id: its first 32 bits, as a share of all words."""
    place: U64 = ((high >> _HALF) * np.uint64(words)) >> _HALF
    return place


def _bits(low: U64) -> U64:
    bits = np.zeros(len(low), np.uint64)
    for number in range(_BITS):
        bits |= _ONE << ((low >> (_SIX * np.uint64(number))) & _LAST_BIT)
    return bits
