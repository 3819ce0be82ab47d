"""Formats the error of a whole request as problem details (RFC 9457), never with a value that was sent."""

import json
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

__all__ = ["CONTENT_TYPE", "PROBLEMS", "Problem", "place_of"]

CONTENT_TYPE = "application/problem+json"

# Codes of problems, which are stable: status and what each means.
PROBLEMS: dict[str, tuple[HTTPStatus, str]] = {
    "malformed": (HTTPStatus.BAD_REQUEST, "the body cannot be taken apart into events"),
    "no_key": (HTTPStatus.UNAUTHORIZED, "no write key, or one that is unknown, has ended or was revoked"),
    "unverified": (HTTPStatus.UNAUTHORIZED, "the signature is missing, wrong or too old"),
    "origin_not_granted": (HTTPStatus.FORBIDDEN, "the write key is not for pages of this origin"),
    "not_granted": (HTTPStatus.FORBIDDEN, "the write key may say none of these events"),
    "not_found": (HTTPStatus.NOT_FOUND, "nothing is at this path"),
    "method": (HTTPStatus.METHOD_NOT_ALLOWED, "this path is asked in another way"),
    "too_slow": (HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time"),
    "too_large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large, or has too many items"),
    "media_type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type or Content-Encoding is none that is taken"),
    "no_event": (HTTPStatus.UNPROCESSABLE_ENTITY, "every item was rejected"),
    "rate": (HTTPStatus.TOO_MANY_REQUESTS, "more than this write key or address is allowed"),
    "head_too_large": (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too large"),
    "busy": (HTTPStatus.SERVICE_UNAVAILABLE, "more than can be taken now, or the log does not answer"),
}  # fmt: skip


class Problem(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """An answer other than success.

    Parameters
    ----------
    code
        One of PROBLEMS.
    detail
        What to do about it.
    retry_s
        Whole seconds after which the client may try again; 0 where that will not help.
    more
        Members of the body besides those of RFC 9457.
    """

    def __init__(self, code: str, detail: str, *, retry_s: int = 0, **more: Any) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.retry_s, self.more = code, detail, retry_s, more
        self.status, self.title = PROBLEMS[code]

    @property
    def body(self) -> bytes:
        """The body, as JSON."""
        told = {
            "type": f"urn:journey:problem:{self.code}",
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
        }
        return json.dumps(told | self.more, ensure_ascii=False).encode()

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that belong to it."""
        headers = {"content-type": CONTENT_TYPE}
        if self.retry_s:
            headers["retry-after"] = str(self.retry_s)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = 'Basic realm="write key", charset="UTF-8"'
        if self.status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE}:
            headers["connection"] = "close"  # what is left of the body is not read
        return headers


def place_of(error: BaseException) -> str:
    """Return what an unexpected error is and where it was raised, without its message: that may hold a value."""
    calls = traceback.extract_tb(error.__traceback__)[-4:]
    where = " > ".join(f"{call.name} ({call.filename.rpartition('/')[2]}:{call.lineno})" for call in calls)
    return f"{type(error).__name__} in {where or 'no call'}"
