"""What is read of a request before anything is believed: its body, up to a size, and the host that it names."""

from urllib.parse import urlsplit

from starlette.requests import Request

__all__ = ["body_of", "host_of", "names_this_machine"]

_LOCAL = {"localhost", "127.0.0.1", "::1"}


async def body_of(request: Request, most: int) -> bytes | None:
    """Return the body, None where it has more than `most` bytes: the rest is not read."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            return None
    return body


def host_of(request: Request) -> str:
    """Return the name under which the client asks, without port, "" for none or what is no name."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def names_this_machine(request: Request) -> bool:
    """Return whether it asks by a name that only this machine has: no page of elsewhere does (DNS rebinding)."""
    return host_of(request) in _LOCAL
