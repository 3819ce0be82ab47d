"""Reads the fields of a form that was posted."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from streams.http.request import body_of
from streams.page.scope import ScopeError

__all__ = ["posted"]

_MOST_BYTES = 10_000


async def posted(request: Request) -> dict[str, str]:
    """Return the fields of a form. Raises ScopeError where it is too large, or another kind of body."""
    body = await body_of(request, _MOST_BYTES)
    if body is None:
        raise ScopeError(f"the form has more than {_MOST_BYTES} bytes")
    try:
        return dict(parse_qsl(body.decode(), strict_parsing=bool(body)))
    except ValueError as error:
        raise ScopeError("the body is no form") from error
