"""Reads what a server of Mastodon says to the brand's account, and finds in it what people did.

Reference: https://docs.joinmastodon.org/methods/streaming/, https://docs.joinmastodon.org/entities/Notification/
"""

import json
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from streams.clock import Clock, from_us, to_us
from streams.collector.adapters.fields import at, text
from streams.collector.adapters.times import moment, rfc3339
from streams.collector.adapters.tolerant import Unusable
from streams.collector.adapters.written import language_of
from streams.listen.acts import Act, digest
from streams.listen.outbox import Outbox

__all__ = ["SOURCE", "Home", "Mastodon", "StreamRefusedError", "is_after"]

SOURCE = "mastodon"
_SEEN = 5_000  # notifications that are known when they come again
_WRITTEN = {"mention", "quote"}  # the others are of a post of the brand
_PASSED = {"update": "edit", "quoted_update": "edit", "follow_request": "pending"}


class StreamRefusedError(Exception):
    """The server refuses the stream, in words of its own."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Home:
    """The brand's account, and the server that it is on: its address, and the domain of its accounts."""

    server: str
    domain: str
    account: str
    username: str


class Mastodon:
    """Finds acts in notifications and messages of the stream, and adds them to an outbox."""

    def __init__(self, home: Home, outbox: Outbox, clock: Clock) -> None:
        self._home, self._outbox, self._clock = home, outbox, clock
        self._seen: OrderedDict[str, None] = OrderedDict()

    def take(self, frame: bytes) -> None:
        """Take a message of the stream. Raises StreamRefusedError."""
        self._outbox.tally.messages += 1
        message = _parsed(frame)
        if not isinstance(message, dict):
            self._outbox.passed("unreadable")
            return
        event, payload = message.get("event"), message.get("payload")
        if "error" in message:
            status = message.get("status")
            raise StreamRefusedError(str(message["error"])[:200], status if isinstance(status, int) else 0)
        if event == "notification":
            self.notified(_parsed(payload) if isinstance(payload, str) else payload)
        elif event == "delete" and isinstance(payload, str | int):
            self._outbox.remove(str(payload)[:100])
        else:
            self._outbox.passed("edit" if event == "status.update" else "no_event")

    def notified(self, notification: Any) -> str:
        """Take a notification; return its id, "" where it has none."""
        try:
            name = text(at(notification, ("id",)), 0) or ""
            if not name:
                self._outbox.passed("unreadable")
                return ""
            if self._is_new(name):
                self._notified(notification, name)
        except Unusable:
            self._outbox.passed("unreadable")
            return ""
        if is_after(name, self._outbox.cursor):
            self._outbox.moved(name)
        return name

    def _is_new(self, name: str) -> bool:
        """Return whether a notification was not seen before by this process, as far as it remembers."""
        if name in self._seen:
            self._outbox.tally.repeats += 1
            return False
        self._seen[name] = None
        if len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return True

    def _notified(self, notification: Any, name: str) -> None:
        kind = _text(notification, "type")
        account = _text(notification, "account", "id")
        who = self._who(notification)
        if account == self._home.account:
            self._outbox.passed("own")
        elif kind in _PASSED or not who:
            self._outbox.passed(_PASSED.get(kind, "no_event"))
        else:
            time = self._time(notification)
            self._outbox.tally.at_us = max(self._outbox.tally.at_us, to_us(time))
            act = self._act(kind, notification, name, who, rfc3339(time))
            if act is None:
                self._outbox.passed("no_event")
            elif kind in _WRITTEN:
                said = at(notification, ("status", "content"))
                language = language_of(at(notification, ("status", "language")))
                self._outbox.add(replace(act, text=said if isinstance(said, str) else "", language=language))
            else:
                self._outbox.add(act)

    def _act(self, kind: str, notification: Any, name: str, who: str, time: str) -> Act | None:
        status = _text(notification, "status", "id")
        if kind == "follow":
            return Act("", self._id("follow", name), "social.follow", time, who)
        if not status:
            return None
        if kind == "favourite":
            return Act("", self._id("like", status, who), "social.like", time, who, self._post(status))
        if kind == "reblog":
            return Act("", self._id("share", status, who), "social.share", time, who, self._post(status))
        if kind == "quote":
            quoted = _text(notification, "status", "quote", "quoted_status", "id") or _text(
                notification, "status", "quote", "quoted_status_id"
            )
            about = self._post(quoted) if quoted else None
            return self._written("social.share", status, time, who, about, {"quote": True})
        return self._mention(notification, status, time, who) if kind == "mention" else None

    def _mention(self, notification: Any, status: str, time: str, who: str) -> Act:
        """Return what a post that names the brand is: a message, a reply to the brand or to another, or a post of its own."""
        if _text(notification, "status", "visibility") == "direct":
            return Act(
                "", self._id("message", status), "support.message", time, who, properties={"channel": SOURCE}
            )
        answered = _text(notification, "status", "in_reply_to_id")
        if answered and _text(notification, "status", "in_reply_to_account_id") == self._home.account:
            return self._written("social.comment", status, time, who, self._post(answered), {})
        kind = "social.comment" if answered else "social.user_content"
        return self._written(kind, status, time, who, None, {"mention": True})

    def _written(  # noqa: PLR0913, PLR0917 - what was found out of one post
        self, kind: str, status: str, time: str, who: str, content: str | None, properties: dict[str, Any]
    ) -> Act:
        """Return the act of a post, whose removal names the post alone."""
        own = self._id("post", status)
        return Act(status, own, kind, time, who, content, properties=properties, is_named_later=False)

    def _id(self, what: str, *names: str) -> str:
        return f"{SOURCE}:{what}-{digest(self._home.domain, *names)}"

    def _post(self, status: str) -> str:
        """Return the address of a post of the brand: the same in likes, shares and replies."""
        return f"{self._home.server}/@{self._home.username}/{status}"

    def _who(self, notification: Any) -> str:
        """Return an account as it is known everywhere: ann@mastodon.example."""
        name = _text(notification, "account", "acct")
        return name if "@" in name or not name else f"{name}@{self._home.domain}"

    def _time(self, notification: Any) -> datetime:
        now = from_us(self._clock())
        said = moment(at(notification, ("created_at",)))
        return min(said, now) if said is not None else now


def is_after(name: str, other: str) -> bool:
    """Return whether one id of the server is later than another: they are numbers, of which it is not said how large."""
    return (len(name), name) > (len(other), other)


def _parsed(value: bytes | str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _text(value: Any, *path: str) -> str:
    return text(at(value, path), 0) or ""
