"""Keys that are put on top of a key: an id under the old ones becomes an id under all of them, and back.

So a key can be succeeded without the values that were hashed with it, which nobody has any more.
"""

from hashlib import blake2b

__all__ = ["Wrap"]

_ROUNDS = 10  # as FF1 has them (NIST SP 800-38G): a Feistel network of a keyed hash, over 64 bits
_HALF = 32
_MASK = (1 << _HALF) - 1


class Wrap:
    """A secret permutation of ids: no two become one, and who lacks the key cannot tell which became which.

    >>> wrap = Wrap(bytes(32))
    >>> wrap.unwrap(wrap.wrap(7))
    7
    """

    __slots__ = ("_rounds",)

    def __init__(self, key: bytes) -> None:
        self._rounds = [blake2b(digest_size=4, key=key, person=bytes([n])) for n in range(_ROUNDS)]

    def wrap(self, identifier: int) -> int:
        """Return the id that an id from 1 to 2**64 - 1 becomes, of the same range."""
        found = self._forth(identifier)
        return found or self._forth(found)  # 0 stands for no handle; it goes where it would have come from

    def unwrap(self, identifier: int) -> int:
        """Return the id that became this one."""
        found = self._back(identifier)
        return found or self._back(found)

    def _forth(self, identifier: int) -> int:
        left, right = identifier >> _HALF, identifier & _MASK
        for number in range(_ROUNDS):
            left, right = right, left ^ self._mixed(number, right)
        return left << _HALF | right

    def _back(self, identifier: int) -> int:
        left, right = identifier >> _HALF, identifier & _MASK
        for number in reversed(range(_ROUNDS)):
            left, right = right ^ self._mixed(number, left), left
        return left << _HALF | right

    def _mixed(self, number: int, half: int) -> int:
        mixing = self._rounds[number].copy()
        mixing.update(half.to_bytes(4, "little"))
        return int.from_bytes(mixing.digest(), "little")
