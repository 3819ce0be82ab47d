"""Reads which proxies sign people in to the page, and in which headers they say who it is."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from streams import environment
from streams.environment import SettingsError

__all__ = ["USER_HEADER", "PageProxySettings", "page_proxy"]

USER_HEADER = "X-Forwarded-User"  # as oauth2-proxy has it
_NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII
)  # with an underscore it could be another's after some proxies
_TAKEN = {
    "authorization", "connection", "content-length", "content-type", "cookie", "forwarded", "host", "origin", "referer",
    "transfer-encoding", "user-agent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageProxySettings:
    """The addresses of the proxies that sign people in, and the names of their headers; `groups` is "" for none."""

    addresses: tuple[IPv4Network | IPv6Network, ...]
    user: str = USER_HEADER
    groups: str = ""


def page_proxy(*, has_rights: bool) -> PageProxySettings | None:
    """Return the settings, None where no proxy signs anybody in.

    Parameters
    ----------
    has_rights
        Whether there is a file that says what people may.

    Raises
    ------
    SettingsError
        A value is not allowed, or nobody could be signed in, or anybody could.
    """
    addresses = environment.networks("JOURNEY_PAGE_PROXIES")
    user, groups = _header("JOURNEY_PAGE_USER_HEADER"), _header("JOURNEY_PAGE_GROUPS_HEADER")
    if not addresses:
        if user or groups:
            raise SettingsError(
                "JOURNEY_PAGE_USER_HEADER and JOURNEY_PAGE_GROUPS_HEADER: set JOURNEY_PAGE_PROXIES to the addresses of the proxies"
                " whose headers are believed"
            )
        return None
    if any(network.prefixlen == 0 for network in addresses):
        raise SettingsError(
            "JOURNEY_PAGE_PROXIES: names every address, from which anybody could claim to be anybody; name the proxies alone"
        )
    if not has_rights:
        raise SettingsError(
            "JOURNEY_PAGE_PROXIES: set JOURNEY_PAGE_TOKENS to the file that says what people may see: [people.NAME], [groups.NAME]"
            " or [everybody]"
        )
    if (user or USER_HEADER).lower() == groups.lower():
        raise SettingsError("JOURNEY_PAGE_GROUPS_HEADER: must be another header than that of the name")
    return PageProxySettings(addresses, user or USER_HEADER, groups)


def _header(variable: str) -> str:
    """Return the name of a header, "" for none."""
    value = environment.text(variable)
    if value and (not _NAME.fullmatch(value) or value.lower() in _TAKEN):
        raise SettingsError(
            f"{variable} = {value!r}: must be the name of a header of its own, of letters, digits and dashes, such as Remote-User"
        )
    return value
