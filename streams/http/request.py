"""Reads a request's body up to a size, and checks whether a program on this machine sent it."""

from starlette.requests import ClientDisconnect, Request

from streams.http.cross_site import LOOPBACK

__all__ = ["asks_here", "body_of"]

_LOCAL = {"localhost", "127.0.0.1", "::1"}


async def body_of(request: Request, most: int) -> bytes | None:
    """Return the body, None where it has more than `most` bytes, or never came whole: the rest is not read."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                return None
    except ClientDisconnect:
        return None  # nobody reads what is answered
    return bytes(body)


def asks_here(request: Request) -> bool:
    """Return whether a program on this machine asks, directly: no page of elsewhere, and nobody through a proxy."""
    address = request.client.host if request.client else ""
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "via", "origin"))
    return address in _LOCAL and LOOPBACK.has(request.headers.get("host", "")) and not passed_on
