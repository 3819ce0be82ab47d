"""Reads the named tokens of the page: a TOML file with the hash of each, the brands that it sees, and whether it may change anything."""

import hashlib
import hmac
import logging
import re
import tomllib
from pathlib import Path
from typing import Any

from journey.errors import UserError
from streams.http.viewer import Viewer

__all__ = ["PageTokens", "TokensError"]

_NAME_LENGTH = 64
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KNOWN = {"sha256", "brands", "writes"}
_log = logging.getLogger(__name__)


class TokensError(UserError, ValueError):
    """An error in a file of tokens; the message names the token and what is allowed, and never a hash."""


class PageTokens:
    """The tokens of a file, read again where it has changed; while it cannot be read, no named token opens anything.

    ::

        [tokens.ada]
        sha256 = "…"             # of the token: printf %s TOKEN | sha256sum
        brands = ["lumiere"]     # without: all
        writes = false           # without: true

    Raises
    ------
    TokensError
        The file cannot be read at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stamped()
        self._viewers = parsed_tokens(_text(path))

    def find(self, token: str) -> Viewer | None:
        """Return whose token it is; None for nobody's."""
        digest, found = hashlib.sha256(token.encode()).hexdigest(), None
        for known, viewer in self._now().items():
            if hmac.compare_digest(known, digest):
                found = viewer
        return found

    def _now(self) -> dict[str, Viewer]:
        stamp = self._stamped()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._viewers = parsed_tokens(_text(self._path))
            except TokensError as error:
                self._viewers = {}
                _log.error("named tokens of the page open nothing: %s", error)
        return self._viewers

    def _stamped(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TokensError(f"the file of the page's tokens cannot be read: {path}") from error


def parsed_tokens(text: str) -> dict[str, Viewer]:
    """Return who has each token, by its hash. Raises TokensError."""
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TokensError("the file of the page's tokens is no TOML") from error
    tokens = file.get("tokens", {})
    if set(file) - {"tokens"} or not isinstance(tokens, dict):
        raise TokensError("the file of the page's tokens has tables [tokens.NAME] alone")
    found: dict[str, Viewer] = {}
    for name, token in tokens.items():
        digest, viewer = _parsed(name, token)
        if digest in found:
            raise TokensError(f"tokens.{name}: has the token of {found[digest].name}")
        found[digest] = viewer
    return found


def _parsed(name: str, token: Any) -> tuple[str, Viewer]:
    if not name.isprintable() or not 0 < len(name) <= _NAME_LENGTH or set(name) & set('"\\'):
        raise TokensError(f"tokens: a name has 1 to {_NAME_LENGTH} printable characters without quotes")
    if not isinstance(token, dict) or set(token) - _KNOWN:
        raise TokensError(f"tokens.{name}: has sha256, brands and writes alone")
    digest, brands, writes = token.get("sha256"), token.get("brands"), token.get("writes", True)
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise TokensError(f"tokens.{name}.sha256: must be 64 hex digits in lower case")
    if brands is not None and not (
        isinstance(brands, list) and brands and all(isinstance(each, str) and each for each in brands)
    ):
        raise TokensError(f"tokens.{name}.brands: must be a list of names; without it, all brands are seen")
    if not isinstance(writes, bool):
        raise TokensError(f"tokens.{name}.writes: must be true or false")
    return digest, Viewer(name, None if brands is None else frozenset(brands), writes)
