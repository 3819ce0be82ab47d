"""Creates, rotates, revokes and looks up write keys; only hashes of them are kept."""

import hashlib
import hmac
import logging
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from journey.channel import IDENTITY_AREA
from journey.errors import UserError
from streams.clock import Clock, system_clock

__all__ = ["EVERY", "LISTS", "KeyStore", "Keyring", "KeysLostError", "WriteKey", "made", "revoked", "rotated"]

EVERY = "*"  # in a grant: whatever there is, but for identity, which is named or not granted
LISTS = ("brands", "channels", "sources", "origins")  # fields of a key that are tuples
_PREFIX = "jwk_"  # so that secret scanners know one
_RELOAD_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriteKey:
    """A write key: the hash of its secret, and its grant. Several may have the same name, by rotation.

    Attributes
    ----------
    digest
        SHA-256 of the secret, in hex: of 256 random bits, so that nothing slower is needed.
    brands, channels
        Which it may say; EVERY among them for all. Channels are those of the A-Path model; `identity` among them is the
        grant to say who is one person: by several handles of an event, by identity.link and identity.unlink.
    sources
        Sources that it may speak for; none for any. The first is that of events of other protocols.
    origins
        Origins (https://shop.example) of pages that may use it; EVERY among them for all, none for no page.
    per_s
        Events a second; 0 is without limit.
    until_us
        When it ends, microseconds since 1970; 0 for never.
    version
        Of two rows with one digest, the higher holds.
    predates_identity
        Whether it was made when every key could join several handles of an event: it still can.
    """

    name: str
    digest: str
    brands: tuple[str, ...]
    channels: tuple[str, ...]
    sources: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    per_s: int = 0
    until_us: int = 0
    is_revoked: bool = False
    version: int = 0
    predates_identity: bool = False

    @property
    def may_link(self) -> bool:
        """Whether several handles that an event names are one person."""
        return IDENTITY_AREA in self.channels or self.predates_identity

    def holds(self, now_us: int) -> bool:
        """Whether it may be used."""
        return not self.is_revoked and (not self.until_us or now_us < self.until_us)

    @property
    def source(self) -> str:
        """The source of events that name none."""
        return self.sources[0] if self.sources else f"key:{self.name}"

    @property
    def only_brand(self) -> str:
        """The brand of events that name none; "" where several may be meant."""
        return self.brands[0] if len(self.brands) == 1 and self.brands[0] != EVERY else ""

    def says_brand(self, brand: str) -> bool:
        """Whether events may be of this brand."""
        return EVERY in self.brands or brand in self.brands

    def says_channel(self, channel: str) -> bool:
        """Whether events may be of this channel."""
        return channel in self.channels or (EVERY in self.channels and channel != IDENTITY_AREA)

    def says_source(self, source: str) -> bool:
        """Whether events may come from this source."""
        return not self.sources or source in self.sources

    def serves(self, origin: str) -> bool:
        """Whether pages of this origin may use it; "" is no page."""
        return not origin or EVERY in self.origins or origin in self.origins


class KeysLostError(UserError, RuntimeError):
    """An error of write keys that cannot be read; the message says what to do."""


class KeyStore(Protocol):
    """A store of write keys."""

    def read(self) -> Sequence[WriteKey]:
        """Return all of them, each as it is now."""

    def write(self, keys: Sequence[WriteKey]) -> None:
        """Add or replace keys, by their digest."""

    def close(self) -> None:
        """Let go of it."""


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def made(grant: WriteKey, now_us: int) -> tuple[str, WriteKey]:
    """Return a new secret, which is not kept anywhere, and its key with this grant."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    return secret, replace(grant, digest=_digest(secret), until_us=0, is_revoked=False, version=now_us)


def rotated(keys: Sequence[WriteKey], now_us: int, keep_us: int) -> tuple[str, list[WriteKey]]:
    """Return a new secret and the rows to write: those of the name end in `keep_us`, and one succeeds them.

    Raises
    ------
    ValueError
        None of them may be used any more.
    """
    living = [key for key in keys if key.holds(now_us)]
    if not living:
        raise ValueError("no key of that name is in use")
    end_us = now_us + keep_us
    secret, new = made(max(living, key=lambda key: key.version), now_us)
    old = [
        replace(key, until_us=min(key.until_us or end_us, end_us), version=max(now_us, key.version + 1))
        for key in living
    ]
    return secret, [*old, new]


def revoked(keys: Sequence[WriteKey], now_us: int) -> list[WriteKey]:
    """Return the rows to write so that none of these may be used."""
    return [
        replace(key, is_revoked=True, version=max(now_us, key.version + 1))
        for key in keys
        if not key.is_revoked
    ]


class Keyring:
    """A cache of the keys, at most a second old; where they cannot be read, the last ones that could.

    Where they are lost at the start, there is none until they can be read again.

    Attributes
    ----------
    error
        Why they cannot be read now, "" while they can.
    was_read
        Whether they were ever read.

    Raises
    ------
    Exception
        The store cannot be read at the start for another reason than that they are lost.
    """

    def __init__(self, store: KeyStore, *, clock: Clock = system_clock) -> None:
        self._store, self._clock = store, clock
        self._keys: Mapping[str, WriteKey] = {}
        self.origins: frozenset[str] = frozenset()
        self.error, self.was_read = "", False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="write-keys", daemon=True)
        try:
            self.load()
        except KeysLostError as error:
            self.error = str(error)
            _log.error("no event can be taken: %s", error)

    def start(self) -> None:
        """Follow what becomes of the keys."""
        self._thread.start()

    def load(self) -> None:
        """Read the keys."""
        now_us = self._clock()
        living = {key.digest: key for key in self._store.read() if key.holds(now_us)}
        self.origins = frozenset(origin for key in living.values() for origin in key.origins)
        self._keys, self.was_read = living, True

    def find(self, secret: str) -> WriteKey | None:
        """Return the key of a secret, None where it is none that may be used."""
        digest = _digest(secret)
        found = self._keys.get(digest)
        if found is None or not hmac.compare_digest(found.digest, digest) or not found.holds(self._clock()):
            return None
        return found

    def __len__(self) -> int:
        return len(self._keys)

    def _follow(self) -> None:
        while not self._stopping.wait(_RELOAD_S):
            try:
                self.load()
            except Exception as error:  # noqa: BLE001 - whatever it is, the keys that are known hold on
                if not self.error:
                    _log.warning("write keys cannot be read; those that are known hold on: %s", error)
                self.error = str(error) or type(error).__name__
            else:
                self.error = ""

    def close(self) -> None:
        """Stop, and let go of the store."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._store.close()
