"""Reads who may see the page: a TOML file of named tokens, and of people and groups that a proxy in front signs in."""

import hashlib
import hmac
import logging
import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from journey.errors import UserError
from streams.http.viewer import Viewer, of_all

__all__ = ["PageTokens", "Rights", "TokensError", "is_name", "parsed_rights"]

_NAME_LENGTH = 64
_GROUP_LENGTH = 256
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RIGHTS = {"brands", "writes", "readable"}
_TABLES = {"tokens", "people", "groups", "everybody"}
_log = logging.getLogger(__name__)


class TokensError(UserError, ValueError):
    """An error in a file of tokens; the message names the token and what is allowed, and never a hash."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What a file says: who has each token, by its hash; who each person is, and what a group may, by name; and all others."""

    tokens: Mapping[str, Viewer] = field(default_factory=dict)
    people: Mapping[str, Viewer] = field(default_factory=dict)
    groups: Mapping[str, Viewer] = field(default_factory=dict)
    everybody: Viewer | None = None


class PageTokens:
    """The rights of a file, read again where it has changed; while it cannot be read, nobody who is named in it may look.

    ::

        [tokens.ada]
        sha256 = "…"             # of the token: printf %s TOKEN | sha256sum
        brands = ["lumiere"]     # without: all
        writes = false           # without: true
        readable = true          # without: false

        [people."ben@example.com"]    # whom a proxy signs in
        [groups.marketing]
        [everybody]                   # whom a proxy signs in, and who is none of these

    Raises
    ------
    TokensError
        The file cannot be read at the start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._stamped()
        self._rights = parsed_rights(_text(path))

    def find(self, token: str) -> Viewer | None:
        """Return whose token it is; None for nobody's."""
        digest, found = hashlib.sha256(token.encode()).hexdigest(), None
        for known, viewer in self._now().tokens.items():
            if hmac.compare_digest(known, digest):
                found = viewer
        return found

    def person(self, name: str, groups: Collection[str]) -> Viewer | None:
        """Return what somebody may whom a proxy has signed in; None for nothing.

        A person who is named has these rights alone; others have those of all of their groups together, and whoever
        is in none that is named has those of everybody.
        """
        now = self._now()
        theirs = [rights for group, rights in now.groups.items() if group in groups]
        found = now.people.get(name) or (of_all(theirs) if theirs else now.everybody)
        return None if found is None else replace(found, name=name, by_proxy=True)

    def _now(self) -> Rights:
        stamp = self._stamped()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._rights = parsed_rights(_text(self._path))
            except TokensError as error:
                self._rights = Rights()
                _log.error("named tokens of the page open nothing: %s", error)
        return self._rights

    def _stamped(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def is_name(text: str, most: int = _NAME_LENGTH) -> bool:
    """Return whether a text can be the name of somebody: printable, without quotes, and not too long."""
    return text.isprintable() and 0 < len(text) <= most and not set(text) & set('"\\')


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TokensError(f"the file of the page's tokens cannot be read: {path}") from error


def parsed_rights(text: str) -> Rights:
    """Return what a file says. Raises TokensError."""
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TokensError("the file of the page's tokens is no TOML") from error
    if set(file) - _TABLES or not all(isinstance(each, dict) for each in file.values()):
        raise TokensError(
            "the file of the page's tokens has tables [tokens.NAME], [people.NAME], [groups.NAME] and [everybody] alone"
        )
    return Rights(
        _tokens(file.get("tokens", {})),
        _named("people", file.get("people", {}), _NAME_LENGTH),
        _named("groups", file.get("groups", {}), _GROUP_LENGTH),
        _viewer("everybody", "", file["everybody"], _RIGHTS) if "everybody" in file else None,
    )


def _tokens(tokens: Mapping[str, Any]) -> dict[str, Viewer]:
    found: dict[str, Viewer] = {}
    for name, token in tokens.items():
        viewer = _of("tokens", name, token, _NAME_LENGTH, _RIGHTS | {"sha256"})
        digest = token.get("sha256")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise TokensError(f"tokens.{name}.sha256: must be 64 hex digits in lower case")
        if digest in found:
            raise TokensError(f"tokens.{name}: has the token of {found[digest].name}")
        found[digest] = viewer
    return found


def _named(table: str, given: Mapping[str, Any], most: int) -> dict[str, Viewer]:
    """Return rights by name; é is the same however it was typed."""
    return {unicodedata.normalize("NFC", name): _of(table, name, of, most) for name, of in given.items()}


def _of(table: str, name: str, given: Any, most: int, known: Collection[str] = _RIGHTS) -> Viewer:
    if not is_name(name, most):
        raise TokensError(f"{table}: a name has 1 to {most} printable characters without quotes")
    return _viewer(f"{table}.{name}", name, given, known)


def _viewer(where: str, name: str, given: Any, known: Collection[str]) -> Viewer:
    if not isinstance(given, dict) or set(given) - set(known):
        raise TokensError(f"{where}: has {', '.join(sorted(known))} alone")
    brands, writes, readable = given.get("brands"), given.get("writes", True), given.get("readable", False)
    if brands is not None and not (
        isinstance(brands, list) and brands and all(isinstance(each, str) and each for each in brands)
    ):
        raise TokensError(f"{where}.brands: must be a list of names; without it, all brands are seen")
    if not isinstance(writes, bool):
        raise TokensError(f"{where}.writes: must be true or false")
    if not isinstance(readable, bool):
        raise TokensError(f"{where}.readable: must be true or false")
    seen = None if brands is None else frozenset(brands)
    return Viewer(name, seen, writes, numbers=None if readable else frozenset())
