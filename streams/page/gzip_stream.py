"""Compresses pages with gzip while they are sent piece by piece, for clients that accept it."""

import zlib
from collections.abc import AsyncIterator

from starlette.requests import Request

__all__ = ["PACKED", "packed", "takes_packed"]

PACKED = {"content-encoding": "gzip", "vary": "accept-encoding"}
_LEVEL = 6
_GZIP = 31  # zlib's window bits for a gzip header


def takes_packed(request: Request) -> bool:
    """Return whether the client says that it takes gzip."""
    offered = request.headers.get("accept-encoding", "").lower().replace(" ", "").split(",")
    return any(each == "gzip" or (each.startswith("gzip;") and each != "gzip;q=0") for each in offered)


async def packed(parts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Yield each part as soon as it is there, packed so that it can be unpacked without the next."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    async for part in parts:
        yield packer.compress(part.encode()) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
