"""Rejects cross-site requests on every port, by Host, Origin and the Sec-Fetch headers of browsers.

A browser asks for whatever page it shows, and a name that somebody else owns may be made to lead here (DNS rebinding).
So a port that asks nobody who they are is asked by names of its own alone, and answers no page of another site.
https://www.w3.org/TR/fetch-metadata/ says what Sec-Fetch-Site, -Mode and -Dest are.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

__all__ = [
    "ANY_NAME",
    "LOOPBACK",
    "CrossSiteFilter",
    "Door",
    "Names",
    "host_of",
    "host_trouble",
    "names_of",
    "page_of",
    "why_refused",
]

_HOST = re.compile(
    r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9._-]{0,252}))(?::\d{1,5})?", re.ASCII | re.IGNORECASE
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_PRIVATE = (".svc", ".local", ".internal", ".home.arpa")  # nobody can register a name under these
_READING = {"GET", "HEAD"}
_ASKED_LOCALLY = "this address is open to its own machine only, by the names localhost and 127.0.0.1"
_ASKED_BY_ADDRESS = (
    "this address is asked by its number, by a name of a private network, or by one of JOURNEY_WEB_NAMES"
)


class Door(Enum):
    """The access rule of an address: which clients it is for."""

    PROGRAMS = auto()
    """Programs; no browser, not even for who types it."""
    OWN = auto()
    """Programs, the port's own pages, and what a person types."""
    LINKED = auto()
    """The same, and links that a person follows from elsewhere to see a page of ours, not within one of theirs."""
    SHARED = auto()
    """Whoever asks by a name of the port: what is there opens by a key in the address, and may be shown anywhere."""
    KEYED = auto()
    """Whoever has a write key, which says of which pages it is."""


@dataclass(frozen=True, slots=True)
class Names:
    """The host names by which a port may be requested.

    Attributes
    ----------
    known
        In lower case, without port.
    private
        Whether addresses, and names that nobody on the internet can own, are such names too.
    any
        Whether all are.
    """

    known: frozenset[str] = _LOCAL
    private: bool = False
    any: bool = False

    def has(self, host: str) -> bool:
        """Return whether a Host header names the port so."""
        name = host_of(host)
        return self.any or name in self.known or (self.private and _is_private(name))


LOOPBACK = Names()
ANY_NAME = Names(any=True)


def names_of(host: str, *more: str, is_loopback: bool, private: bool = False) -> Names:
    """Return the names of a port that listens on a host: of loopback, its own; elsewhere any, or `private` ones.

    Parameters
    ----------
    more
        Further names, or URLs that hold one; "" for none.
    """
    if not (is_loopback or private):
        return ANY_NAME
    given = {urlsplit(each).hostname or "" if "//" in each else each.lower() for each in (host, *more)}
    return Names(frozenset(_LOCAL | given - {"", "0.0.0.0", "::"}), private=private and not is_loopback)  # noqa: S104 - left out


def host_of(host: str) -> str:
    """Return the name in a Host header, in lower case and without port, "" for what is no name."""
    if not _HOST.fullmatch(host):
        return ""
    name = host.lower()
    return name[1 : name.index("]")] if name[0] == "[" else name.partition(":")[0]


def host_trouble(hosts: Sequence[bytes], target: bytes, version: str) -> str:
    """Say what is wrong with the Host headers of a request, "" for nothing; RFC 9112, 3.2.

    Parameters
    ----------
    target
        Of the request line: in absolute form it must name the same host.
    """
    if len(hosts) != 1:
        return "" if not hosts and version == "1.0" else "one Host header is needed"
    host = hosts[0].decode("latin-1")
    if not host_of(host):
        return "the Host header is no name with a port"
    if target[:1] in {b"/", b"*"}:
        return ""
    scheme, _, rest = target.decode("latin-1").partition("://")
    named = re.split("[/?#]", rest, maxsplit=1)[0]
    return (
        ""
        if scheme.lower() in {"http", "https"} and named.lower() == host.lower()
        else "the target names another host"
    )


def why_refused(method: str, headers: Mapping[str, str], door: Door, names: Names = ANY_NAME) -> str:
    """Say in words why a request is not answered, "" where it is.

    Parameters
    ----------
    headers
        By names in lower case.
    """
    if door is Door.KEYED:
        return ""
    host = headers.get("host")
    if host is not None and not names.has(host):
        return _ASKED_BY_ADDRESS if names.private else _ASKED_LOCALLY
    if door is Door.SHARED:
        return ""
    if door is Door.PROGRAMS and (
        "origin" in headers or any(name.startswith("sec-fetch-") for name in headers)
    ):
        return "this address is for programs, and answers no browser"
    if _is_foreign(method, headers, door):
        return "this address answers no page of another site"
    return ""


def _is_foreign(method: str, headers: Mapping[str, str], door: Door) -> bool:
    host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and not _is_of(origin, host):
        return True
    if site in {"none", "same-origin"}:
        return False
    if site is None:  # a program, or a browser that says no more than this
        referer = headers.get("referer")
        return door is not Door.LINKED and referer is not None and not _is_of(referer, host)
    follows_a_link = (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )
    is_early = "sec-purpose" in headers or "purpose" in headers  # fetched before anybody follows it
    return not (door is Door.LINKED and method in _READING and follows_a_link and not is_early)


def _is_of(url: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(url).netloc.lower() == host.lower()
    except ValueError:
        return False


def _is_private(name: str) -> bool:
    try:
        return not ip_address(
            name
        ).is_unspecified  # by its address a port is asked without a name to be rebound
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(_PRIVATE))


def page_of(headers: Mapping[str, str]) -> str:
    """Return the origin of the page that a browser asks for, "null" where it says no more than that there is one."""
    is_foreign = headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    return headers.get("origin", "") or ("null" if is_foreign else "")


class CrossSiteFilter:
    """An ASGI middleware that answers allowed requests only.

    Parameters
    ----------
    door_of
        Whom a method of a path is for.
    """

    def __init__(
        self, app: Callable[..., Any], names: Names, door_of: Callable[[str, str], Door] = lambda *_: Door.OWN
    ) -> None:
        self._app, self._names, self._door_of = app, names, door_of

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 403 in words, or have the application answer."""
        why = self._why(scope) if scope["type"] == "http" else ""
        await (_refuse(send, why) if why else self._app(scope, receive, send))

    def _why(self, scope: Any) -> str:
        door = self._door_of(scope["method"], scope["path"])
        if door is Door.KEYED:
            return ""
        return why_refused(scope["method"], _joined(scope["headers"]), door, self._names)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by name; the values of one that is there twice together, which is no value that lets anybody in."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


async def _refuse(send: Any, why: str) -> None:
    body = f"{why}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
