"""Encrypts the values of handles that a brand keeps readable, and decrypts them, under a key of their own.

AES-SIV (RFC 5297) encrypts and authenticates, and needs no number that is used once: a value gives the same bytes again, so
that a repeat adds nothing. What is encrypted is bound to its brand, kind and handle: moved to another, it is refused.
"""

import unicodedata
from hashlib import blake2b
from urllib.parse import unquote

from journey.errors import UserError
from journey.identity.handle_key import KEY_BYTES
from streams.settings import ReadableKinds, SettingsError

__all__ = ["ReadableError", "ReadableKey", "Sealing"]

_PURPOSE = b"journey readable handle 1"
_SHORTEST_PHONE = 8  # digits behind a plus


class ReadableError(UserError, RuntimeError):
    """An error of a readable handle that cannot be given back: its key is not there, or it was tampered with."""


class ReadableKey:
    """A key and its successors, 32 bytes each, one behind the other: the last one encrypts, each decrypts.

    Raises
    ------
    SettingsError
        The library that encrypts is not installed.
    """

    __slots__ = ("_ciphers", "fingerprint", "secret")

    def __init__(self, key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415 - the extra readable
        except ImportError as error:
            raise SettingsError(
                f"no library to encrypt readable handles ({error.name}): pip install 'customer-journey-engine[readable]'"
            ) from error
        self.secret = key
        self._ciphers = {
            _fingerprint(one): AESSIV(blake2b(_PURPOSE, key=one).digest())
            for one in (key[at : at + KEY_BYTES] for at in range(0, len(key), KEY_BYTES))
        }
        self.fingerprint = list(self._ciphers)[-1]
        """Identifies the key that encrypts, without revealing it; 16 hex digits."""

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of the key and its successors."""
        return tuple(self._ciphers)

    def seal(self, brand: str, kind: str, handle: int, value: str, fingerprint: str = "") -> bytes:
        """Return a value encrypted, 16 bytes longer than it; under a key other than the last one, by its fingerprint."""
        cipher = self._ciphers[fingerprint or self.fingerprint]
        return cipher.encrypt(value.encode("utf-8", "surrogatepass"), _bound(brand, kind, handle))

    def open(self, brand: str, kind: str, handle: int, sealed: bytes, fingerprint: str) -> str:
        """Return a value as it came.

        Raises
        ------
        ReadableError
            It is under a key that is none of these, or was not encrypted for this brand, kind and handle.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

        cipher = self._ciphers.get(fingerprint)
        if cipher is None:
            raise ReadableError(
                f"a readable handle of {brand} is encrypted under the key {fingerprint}, and ours is {self.fingerprint}: bring that"
                " key back (readable.key, or JOURNEY_READABLE_KEY), or give journey readable drop --lost"
            )
        try:
            return cipher.decrypt(sealed, _bound(brand, kind, handle)).decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            raise ReadableError(
                f"{kind} #{handle:016x} of {brand} is not as it was encrypted: its row was changed, or is another handle's;"
                f" journey sql 'ALTER TABLE readable_handles DELETE WHERE handle = {handle}' deletes it, and the next event with the"
                " handle brings its value again"
            ) from None


class Sealing:
    """What an edge encrypts: the values of these kinds, with this key."""

    __slots__ = ("_kinds", "_of", "key")

    def __init__(self, kinds: ReadableKinds, key: ReadableKey) -> None:
        self._kinds, self.key = kinds, key
        self._of: dict[str, frozenset[str]] = {}

    def sealed(self, brand: str, kind: str, handle: int, value: str) -> bytes | None:
        """Return a value encrypted, None where the brand does not keep it readable.

        A user id that is an e-mail address, or a card number that is a phone number, is kept where that kind is too.
        """
        kinds = self._of.get(brand)
        if kinds is None:
            if len(self._of) >= 10_000:  # noqa: PLR2004 - brands; then the cache is cleared
                self._of.clear()
            kinds = self._of[brand] = frozenset(self._kinds.of(brand))
        if kind not in kinds or _form(value) not in {"", *kinds}:
            return None
        return self.key.seal(brand, kind, handle, value.strip())


def _form(value: str) -> str:
    """Return the kind that a value is by its form, "" where it may be any.

    >>> _form("ann%40example.com"), _form("+33 6 39 98 01 01"), _form("LUM-100482")
    ('email', 'phone', '')
    """
    text = unicodedata.normalize("NFKC", unquote(value)).strip()
    if "@" in text:
        return "email"
    is_number = text.startswith(("+", "tel:")) and sum(map(str.isdecimal, text)) >= _SHORTEST_PHONE
    return "phone" if is_number else ""


def _bound(brand: str, kind: str, handle: int) -> list[bytes]:
    return [_PURPOSE, brand.encode("utf-8", "surrogatepass"), kind.encode(), handle.to_bytes(8, "little")]


def _fingerprint(key: bytes) -> str:
    return blake2b(b"fingerprint", key=key, digest_size=8, person=b"readable").hexdigest()
