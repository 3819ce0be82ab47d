"""Judges by its address whether the other end of a connection is one of those that are named."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

__all__ = ["Networks", "is_of"]

Networks = Sequence[IPv4Network | IPv6Network]


def is_of(address: str, networks: Networks) -> bool:
    """Return whether an address is in one of the networks; what is no address, as of a Unix socket, is in none.

    An IPv4 address that comes in as IPv6 (::ffff:10.0.0.5) is the IPv4 address.

    >>> from ipaddress import ip_network
    >>> [is_of(each, [ip_network("10.0.0.0/8")]) for each in ("10.0.0.5", "::ffff:10.0.0.5", "11.0.0.5", "::a00:5", "")]
    [True, True, False, False, False]
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks if network.version == parsed.version)
