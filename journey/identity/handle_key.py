"""Hashes normalised handles to ids with a keyed HMAC, and rotates the key with successor keys that permute the ids.

A successor is put on top of a key: an id under the old key becomes an id under both, and back. So the key is rotated without
the values that were hashed with it, which nobody has any more.
"""

from hashlib import blake2b, sha256
from typing import TypeAlias

__all__ = ["KEY_BYTES", "SEPARATELY", "AnyKey", "HandleKey", "Wrap", "fingerprint", "handle_id"]

KEY_BYTES = 32
_BLOCK = 64  # bytes that SHA-256 takes at a time
_IPAD, _OPAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
SEPARATELY = "-separate"  # behind the fingerprint of a key whose handles are other ones with each brand
_BRANDS = 10_000  # brands in the cache; when it is full, it is cleared
_ROUNDS = 10  # as FF1 has them (NIST SP 800-38G): a Feistel network of a keyed hash, over 64 bits
_HALF = 32
_MASK = (1 << _HALF) - 1


class Wrap:
    """A secret permutation of ids: it is one to one, and nobody can invert it without the key.

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


class HandleKey:
    """A key that hashes handles, prepared once (RFC 2104, 4): a third of the time of an HMAC from scratch.

    Several keys of 32 bytes, one behind the other, are a key and its successors: what the first one makes of a handle
    is wrapped in each of the others, so that ids under the first can be turned into ids under all.

    Parameters
    ----------
    separate
        Whether a handle has another id with each brand, so that no brand's events say anything of another's
        customers; else brands share their handles, and who is one person with one is so with all.

    Raises
    ------
    ValueError
        Longer than one key, and not several whole ones.
    """

    __slots__ = ("_brand", "_brands", "_inner", "_outer", "_wraps", "secret", "separate")

    def __init__(self, key: bytes, *, separate: bool = False) -> None:
        if len(key) > KEY_BYTES and len(key) % KEY_BYTES:
            raise ValueError(
                f"a key of handles is {KEY_BYTES} bytes, or several times that; this has {len(key)}"
            )
        self.secret, self.separate = key, separate
        keys = [key[start : start + KEY_BYTES] for start in range(0, len(key), KEY_BYTES)]
        block = keys[0].ljust(_BLOCK, b"\0")
        self._inner = sha256(block.translate(_IPAD))
        self._outer = sha256(block.translate(_OPAD))
        self._brand = blake2b(digest_size=8, key=keys[0], person=b"brand")
        self._brands: dict[str, blake2b] = {}
        self._wraps = [Wrap(later) for later in keys[1:]]

    @classmethod
    def of(cls, key: "AnyKey") -> "HandleKey":
        """Return a key; where it is bytes, the one whose handles all brands share."""
        return key if isinstance(key, HandleKey) else cls(key)

    def first(self, count: int) -> "HandleKey":
        """Return the key with its first `count` keys only, of the same mode."""
        return HandleKey(self.secret[: count * KEY_BYTES], separate=self.separate)

    def __len__(self) -> int:
        return len(self._wraps) + 1

    def id(self, kind: str, normalised: str, brand: str = "") -> int:
        """Return the id of a handle: the first 64 bits of HMAC-SHA256 over kind and normalised value.

        Where brands are separate, a keyed BLAKE2b over the brand and these bits. Who lacks the key can neither reverse
        an id nor test a guess. Among 10**8 handles the odds that any two share an id are 1 in 3,700, twice that where
        brands are separate (birthday bound, n**2 / 2**65). Never 0, which means no handle.
        """
        base = self.base(kind, normalised)
        return self.within(base, brand) if self._wraps or self.separate else base

    def base(self, kind: str, normalised: str) -> int:
        """Return the value from which a handle's ids with all brands derive: under the first key, without successors."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{kind}\0{normalised}".encode())
        outer.update(inner.digest())
        return int.from_bytes(outer.digest()[:8], "little") or 1

    def within(self, base: int, brand: str) -> int:
        """Return the id, with a brand, of the handle of this base."""
        if self.separate:
            hashing = (self._brands.get(brand) or self._learn(brand)).copy()
            hashing.update(base.to_bytes(8, "little"))
            base = int.from_bytes(hashing.digest(), "little") or 1
        return self.wrapped(base)

    def _learn(self, brand: str) -> blake2b:
        if len(self._brands) >= _BRANDS:
            self._brands.clear()
        hashing = self._brands[brand] = self._brand.copy()
        hashing.update(brand.encode("utf-8", "surrogatepass"))
        return hashing

    def wrapped(self, identifier: int, since: int = 1) -> int:
        """Return what an id under the first `since` keys is under all of them."""
        for wrap in self._wraps[since - 1 :]:
            identifier = wrap.wrap(identifier)
        return identifier

    def rank(self, identifier: int) -> int:
        """Return the sort key of handles of one kind: the id under the first key, so that a rotation changes no order."""
        for wrap in reversed(self._wraps):
            identifier = wrap.unwrap(identifier)
        return identifier

    @property
    def fingerprint(self) -> str:
        """Identify the key without revealing it: the id of a reserved handle that nobody has, in hex, and the mode."""
        name = f"{self.wrapped(self.base('fingerprint', '')):016x}"
        return name + SEPARATELY if self.separate else name


AnyKey: TypeAlias = bytes | HandleKey


def handle_id(key: AnyKey, kind: str, normalised: str, brand: str = "") -> int:
    """Return the id of one handle; see `HandleKey.id`."""
    return HandleKey.of(key).id(kind, normalised, brand)


def fingerprint(key: AnyKey) -> str:
    """Return the fingerprint of a key; see `HandleKey.fingerprint`."""
    return HandleKey.of(key).fingerprint
