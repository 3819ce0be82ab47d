"""Asks a server of Mastodon over HTTP: whose token it is, where it streams, notifications, and which posts are still there."""

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from journey.errors import UserError
from streams.listen.addresses import checked
from streams.listen.answers import answered
from streams.listen.mastodon import Home

__all__ = ["AwayError", "MastodonApi", "TokenError"]

_DOMAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_LIMIT = urllib3.Timeout(connect=10, read=30)
_LARGEST = 16_000_000  # bytes of an answer
_OK, _NOT_FOUND, _GONE, _TOO_MANY = 200, 404, 410, 429
_REFUSED = {401, 403}
_PAGE, _STATUSES = 80, 20


class TokenError(UserError, RuntimeError):
    """A token that the server does not take, or that may not read what is needed."""


class AwayError(OSError):
    """A server that does not answer, or with what cannot be used; `after_s` is how long it asks to wait."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class MastodonApi:
    """Requests to one server, with the token of one account."""

    def __init__(self, server: str, token: str) -> None:
        self._server, self._token = server, token
        self._pool = urllib3.PoolManager(timeout=_LIMIT, retries=False, cert_reqs="CERT_REQUIRED")

    @property
    def headers(self) -> dict[str, str]:
        """What says who asks."""
        return {"authorization": f"Bearer {self._token}"}

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def home(self) -> Home:
        """Return whose token it is. Raises TokenError, AwayError."""
        account = self._asked("/api/v1/accounts/verify_credentials")
        name, username = (
            (account.get("id"), account.get("username")) if isinstance(account, dict) else ("", "")
        )
        if not (isinstance(name, str) and isinstance(username, str) and name and username):
            raise AwayError(f"{self._server} says of the account what is no account")
        domain = self._instance().get("domain")
        if not (isinstance(domain, str) and _DOMAIN.fullmatch(domain)):
            domain = urlsplit(self._server).hostname or ""
        return Home(self._server, domain, name, username)

    def stream(self) -> str:
        """Return the address of the stream. Raises TokenError, AwayError, AddressError."""
        found: Any = self._instance()
        for name in ("configuration", "urls", "streaming"):
            found = found.get(name) if isinstance(found, dict) else None
        where = found if isinstance(found, str) and found else f"ws{self._server.removeprefix('http')}"
        return f"{checked(where, 'wss', 'the address of the stream')}/api/v1/streaming?stream=user"

    def notifications(self, **bounds: str) -> list[Any]:
        """Return a page of notifications, the oldest first, by `min_id` or `max_id`. Raises TokenError, AwayError."""
        found = self._asked(f"/api/v1/notifications?{urlencode({'limit': str(_PAGE)} | bounds)}")
        if not isinstance(found, list):
            raise AwayError(f"{self._server} says of notifications what is no list")
        return sorted(found, key=_place)

    def gone(self, statuses: Sequence[str]) -> list[str]:
        """Return which of some posts the server no longer has. Raises TokenError, AwayError."""
        missing: list[str] = []
        for start in range(0, len(statuses), _STATUSES):
            asked = statuses[start : start + _STATUSES]
            found = self._asked(
                f"/api/v1/statuses?{urlencode([('id[]', each) for each in asked])}", absent=None
            )
            if isinstance(found, list):
                there = {each.get("id") for each in found if isinstance(each, dict)}
                missing += [each for each in asked if each not in there]
            else:  # before version 4.3
                missing += [
                    each for each in asked if self._asked(f"/api/v1/statuses/{each}", absent=None) is None
                ]
        return missing

    def _instance(self) -> dict[str, Any]:
        found = self._asked("/api/v2/instance", absent={})
        return found if isinstance(found, dict) else {}

    def _asked(self, path: str, *, absent: Any = AwayError) -> Any:
        """Return the JSON that is at a path; `absent`, if given, where nothing is."""
        try:
            answer = answered(self._pool, "GET", f"{self._server}{path}", _LARGEST, headers=self.headers)
        except (HTTPError, OSError) as error:
            raise AwayError(f"{self._server}: {type(error).__name__}") from error
        if answer.status in _REFUSED:
            raise TokenError(
                f"{self._server}{path.partition('?')[0]} answered {answer.status}: JOURNEY_MASTODON_TOKEN has to be a token of the"
                " brand's account with the scopes read:accounts, read:notifications and read:statuses"
            )
        if answer.status in {_NOT_FOUND, _GONE} and absent is not AwayError:
            return absent
        if answer.status != _OK:
            raise AwayError(f"{self._server} answered {answer.status}", answer.after_s)
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError):
            raise AwayError(f"{self._server} answered what is no JSON") from None


def _place(notification: Any) -> tuple[int, str]:
    name = str(notification.get("id", "")) if isinstance(notification, dict) else ""
    return len(name), name
