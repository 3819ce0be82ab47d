"""Checks the addresses that a listener talks to: in the clear to this machine alone, since keys and tokens go there."""

from urllib.parse import urlsplit

from journey.errors import UserError
from streams.environment import is_loopback

__all__ = ["AddressError", "checked", "is_local"]

_IN_CLEAR = {"https": "http", "wss": "ws"}


class AddressError(UserError, ValueError):
    """An address that nothing may be sent to; the message says what is allowed."""


def checked(address: str, scheme: str, what: str) -> str:
    """Return an address without the / at its end.

    Parameters
    ----------
    scheme
        "https" or "wss"; the one without TLS is allowed on this machine.

    Raises
    ------
    AddressError
        It is no such address, or names a user or a query.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if (
        not host
        or parts.username is not None
        or parts.query
        or parts.fragment
        or parts.scheme
        not in {
            scheme,
            _IN_CLEAR[scheme],
        }
    ):
        raise AddressError(f"{what} {address}: must be an address such as {scheme}://example.com")
    if parts.scheme != scheme and not is_loopback(host):
        raise AddressError(
            f"{what} {address}: what is sent there would cross the network in the clear; only this machine is asked without"
            f" TLS: {scheme}://{host}"
        )
    return address.rstrip("/")


def is_local(address: str) -> bool:
    """Return whether an address is this machine's own."""
    return is_loopback(urlsplit(address).hostname or "")
