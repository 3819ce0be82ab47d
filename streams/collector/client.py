"""Identifies the client of a request: the write key that it presents, and the address that it comes from."""

import base64
import binascii
from collections.abc import Mapping
from ipaddress import ip_address

from streams.http.peers import Networks, is_of

__all__ = ["Networks", "address_of", "presented"]

_MOST_HOPS = 8


def presented(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """Return the write key: user of Basic, token of Bearer, X-Write-Key, or `writeKey` in the query; "" if none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(token.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return ""
        return user.partition(":")[0]
    return headers.get("x-write-key", "").strip() or query.get("writeKey", "")


def address_of(peer: str, forwarded: str, proxies: Networks) -> str:
    """Return the client's address: that of the connection, or what our own proxies say of it.

    Parameters
    ----------
    forwarded
        X-Forwarded-For. It is read from its end, as far as those who wrote it are `proxies`; the part before may
        be anybody's invention.
    """
    address = peer
    for hop in reversed(forwarded.split(",")[-_MOST_HOPS:] if forwarded else []):
        if not is_of(address, proxies):
            break
        hop_address = hop.strip()
        try:
            address = str(ip_address(hop_address))
        except ValueError:
            break
    return address
