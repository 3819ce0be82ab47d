"""Asks over HTTP within bounds: no redirects, and no more of an answer than is looked at."""

from dataclasses import dataclass
from typing import Any

import urllib3

__all__ = ["Answer", "answered"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, the begin of its body, and for how many seconds it asks to wait (0 where it does not)."""

    status: int
    body: bytes
    after_s: float


def answered(pool: urllib3.PoolManager, method: str, url: str, largest: int, **more: Any) -> Answer:
    """Ask once, and read at most `largest` bytes; `more` is as `urllib3` has it. Raises HTTPError, OSError."""
    headers = {**more.pop("headers", {}), "user-agent": "journey-listen"}
    answer = pool.request(method, url, headers=headers, redirect=False, preload_content=False, **more)
    try:
        body = answer.read(largest)
    finally:
        answer.release_conn()
    after = answer.headers.get("retry-after", "")
    return Answer(answer.status, body, float(after) if after.isdecimal() else 0.0)
