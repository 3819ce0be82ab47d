"""Checks that receivers' addresses are public, when a receiver is parsed and again when it is connected to."""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

__all__ = ["AddressError", "Target", "checked", "resolve"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}

Target = tuple[SplitResult, int]  # the URL and its port


class AddressError(ValueError):
    """An error of an address that is not allowed; the message says why, and names no path, which may be secret."""


def checked(url: str, *, private: bool) -> Target:
    """Return an http(s) URL in parts, if what it says itself is allowed; names are looked up by `resolve`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressError(f"not a URL: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise AddressError("must be a URL such as https://example.com/hook")
    if parts.scheme == "http" and not private:
        raise AddressError("must be https; http is for receivers with private = true")
    if parts.username or parts.password:
        raise AddressError("must have no user or password in it; use headers")
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        pass
    else:
        _allow(address, private=private)
    return parts, port


def resolve(host: str, port: int, *, private: bool) -> str:
    """Return the one address to connect to, if every address of the name is allowed. Raises AddressError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressError(f"{host}: no address is known: {error}") from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        _allow(ipaddress.ip_address(address.partition("%")[0]), private=private)
    return addresses[0]


def _allow(address: ipaddress.IPv4Address | ipaddress.IPv6Address, *, private: bool) -> None:
    if private:
        return
    if not _inner(address).is_global or address.is_multicast or _inner(address).is_multicast:
        raise AddressError(f"{address} is not a public address; allow it with private = true")


def _inner(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that an IPv6 one embeds, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address
