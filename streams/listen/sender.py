"""Sends events to a collector over HTTP, until it has them: waits while it is busy or away, and says what it refuses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

import urllib3
from urllib3.exceptions import HTTPError

from journey.errors import UserError
from streams.faults import kill_point
from streams.listen.answers import Answer, answered
from streams.listen.pauses import Pauses

__all__ = ["CollectorError", "NotSentError", "Refusal", "Sender"]

_TYPE = "application/cloudevents-batch+json"
_LIMIT = urllib3.Timeout(connect=5, read=40)  # the collector answers within 30 s, also that it is busy
_MOST_BYTES = 900_000  # of a body; the collector takes 1,000,000
_LONGEST_ANSWER = 4_000_000
_ACCEPTED, _FORBIDDEN, _TOO_LARGE, _NO_EVENT = 202, 403, 413, 422
_MAY_PASS = {408, 421, 425, 429}
_CLIENT, _SERVER = 400, 500


class CollectorError(UserError, RuntimeError):
    """A collector that will not take these events however often they are sent: a wrong key or address."""


class NotSentError(Exception):
    """The process is to stop, and the collector does not have the events."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that the collector refused for good; it has it as a dead letter."""

    place: int
    reason: str
    detail: str


class _Unanswered(Exception):  # noqa: N818 - it is sent again
    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class Sender:
    """Sends to one collector, with one write key.

    Parameters
    ----------
    asked
        Set when the process is to stop.
    """

    def __init__(self, url: str, write_key: str, asked: Event, pauses: Pauses | None = None) -> None:
        self._url, self._key, self._asked = f"{url}/v1/events", write_key, asked
        self._pauses = pauses or Pauses(asked)
        self._pool = urllib3.PoolManager(timeout=_LIMIT, retries=False, cert_reqs="CERT_REQUIRED")
        self.trouble = ""
        self.retries = 0

    def send(self, lines: Sequence[bytes]) -> list[Refusal]:
        """Send events until the collector has them; return those that it refused, by their places.

        Raises
        ------
        CollectorError
            It takes nothing with this key, or is no collector.
        NotSentError
            The process is to stop.
        """
        refused: list[Refusal] = []
        start = 0
        while start < len(lines):
            end, size = start, 2
            while end < len(lines) and (end == start or size + len(lines[end]) < _MOST_BYTES):
                size += len(lines[end]) + 1
                end += 1
            found = self._sent(lines[start:end])
            refused += [Refusal(start + one.place, one.reason, one.detail) for one in found]
            start = end
        return refused

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _sent(self, lines: Sequence[bytes]) -> list[Refusal]:
        """Send one body, again and again."""
        while True:
            try:
                with kill_point("listen.send"):
                    found = self._posted(lines)
            except _Unanswered as why:
                self.trouble = str(why)
                self.retries += 1
                if not self._pauses.wait(f"the collector takes nothing: {why}", why.after_s):
                    raise NotSentError from None
            else:
                self.trouble = ""
                self._pauses.well()
                return found

    def _posted(self, lines: Sequence[bytes]) -> list[Refusal]:
        try:
            answer = answered(
                self._pool,
                "POST",
                self._url,
                _LONGEST_ANSWER,
                body=b"[" + b",".join(lines) + b"]",
                headers={"content-type": _TYPE, "authorization": f"Bearer {self._key}"},
            )
        except (HTTPError, OSError) as error:
            raise _Unanswered(type(error).__name__) from error
        return self._judged(answer, len(lines))

    def _judged(self, answer: Answer, count: int) -> list[Refusal]:
        """Return what was refused. Raises _Unanswered where it may pass, CollectorError where it does not."""
        status, body = answer.status, answer.body
        if status in {_ACCEPTED, _FORBIDDEN, _NO_EVENT} and (found := _refusals(body, count)) is not None:
            return found
        said = f"{self._url} answered {status}: {_detail(body)}"
        if status == _TOO_LARGE and count == 1:
            return [Refusal(0, "too_large", "the collector takes no body of this size")]
        if status in _MAY_PASS or status >= _SERVER or status < _CLIENT:
            raise _Unanswered(said, answer.after_s)
        raise CollectorError(said)


def _refusals(body: bytes, count: int) -> list[Refusal] | None:
    """Return what a collector's answer says of each event; None where it is no such answer."""
    try:
        items = json.loads(body)["items"]
        if not isinstance(items, list) or len(items) != count:
            return None
        return [
            Refusal(place, str(item.get("reason", "")), str(item.get("detail", ""))[:300])
            for place, item in enumerate(items)
            if item["status"] not in {"accepted", "duplicate"}
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _detail(body: bytes) -> str:
    """Return what an error says of itself, within bounds."""
    try:
        found = json.loads(body)["detail"]
    except (ValueError, TypeError, KeyError):
        found = body[:200].decode("utf-8", "replace")
    return " ".join(str(found).split())[:300]
