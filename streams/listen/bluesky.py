"""Reads what Jetstream says of Bluesky, and finds in it what people did to the brand's accounts.

Reference: https://github.com/bluesky-social/jetstream (the JSON of /subscribe), https://atproto.com/specs/at-uri-scheme
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from streams.clock import EPOCH, from_us
from streams.collector.adapters.fields import at, text
from streams.collector.adapters.times import moment, rfc3339
from streams.collector.adapters.tolerant import Unusable
from streams.collector.adapters.written import language_of
from streams.listen.acts import Act, digest
from streams.listen.outbox import Outbox

__all__ = ["COLLECTIONS", "SOURCE", "Bluesky"]

SOURCE = "bluesky"
_POST, _LIKE, _REPOST, _FOLLOW = COLLECTIONS = (
    "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow",
)  # fmt: skip
_MENTION = "app.bsky.richtext.facet#mention"
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_TID, _CLOCK_BITS = 13, 10  # characters of a timestamp id; bits of it that are not time
_OLDEST = datetime.fromisoformat("1900-01-01T00:00:00+00:00")  # of the contract
_MOST_FACETS = 300


class _Commit(msgspec.Struct):
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    rev: str = ""
    cid: str = ""
    record: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    time_us: int
    did: str = ""
    kind: str = ""
    commit: _Commit | None = None


_decode = msgspec.json.Decoder(_Message).decode
_decode_record = msgspec.json.decode


class Bluesky:
    """Finds acts in messages, and adds them to an outbox.

    Parameters
    ----------
    accounts
        The brand's, as DIDs.
    """

    def __init__(self, accounts: Sequence[str], outbox: Outbox) -> None:
        self._accounts, self._outbox = tuple(accounts), outbox
        self._names = tuple(account.encode() for account in accounts)

    def take(self, frame: bytes, latest_us: int) -> int:
        """Take one message; return the time at which Jetstream had it, 0 where it is no message, or of after `latest_us`."""
        tally = self._outbox.tally
        tally.messages += 1
        try:
            message = _decode(frame)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            message = _Message(0)
        if not 0 < message.time_us <= latest_us:
            self._outbox.passed("unreadable")
            return 0
        commit = message.commit
        if commit is None:
            self._outbox.passed(message.kind if message.kind in {"account", "identity"} else "no_event")
        elif commit.collection not in COLLECTIONS or not (commit.rkey and message.did):
            self._outbox.passed("no_event")
        elif message.did in self._accounts:
            self._outbox.passed("own")
        elif commit.operation == "delete":
            self._outbox.remove(
                _name(message.did, commit), _who(message.did), commit.rev, unknown="other_account"
            )
        elif not any(name in frame for name in self._names):
            self._outbox.passed("other_account")
        elif commit.operation != "create":
            self._outbox.passed("edit")
        else:
            self._created(message, commit)
        return message.time_us

    def _created(self, message: _Message, commit: _Commit) -> None:
        try:
            record = _decode_record(commit.record)
            found = self._meaning(commit.collection, record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unusable):
            self._outbox.passed("unreadable")
            return
        if found is None:
            self._outbox.passed("other_account")
            return
        kind, account, content, properties = found
        name = _name(message.did, commit)
        via = at(record, ("via",))
        self._outbox.add(
            Act(
                key=name,
                id=_id(kind, name, commit.cid, account),
                type=kind,
                time=rfc3339(_time(record, commit.rev, message.time_us)),
                who=_who(message.did),
                content=content,
                cause=_cause(via, account),
                properties=properties,
                version=commit.rev,
                text=_written(record) if commit.collection == _POST else "",
                language=language_of(at(record, ("langs",))),
            )
        )

    def _meaning(self, collection: str, record: Any) -> tuple[str, str, str | None, dict[str, Any]] | None:
        """Return what a record is to the brand: event type, which of its accounts, what it is about, and properties."""
        if collection == _FOLLOW:
            followed = _text(record, "subject")
            return ("social.follow", followed, None, {}) if followed in self._accounts else None
        if collection != _POST:
            subject = _text(record, "subject", "uri")
            kind = "social.like" if collection == _LIKE else "social.share"
            return (kind, account, subject, {}) if (account := self._account_of(subject)) else None
        return self._post(record)

    def _post(self, record: Any) -> tuple[str, str, str | None, dict[str, Any]] | None:
        """Return what a post is: a reply to the brand's, or a quote of it, goes before a mention."""
        mentioned = self._mentioned(record)
        properties = {"mention": True} if mentioned else {}
        for end in ("parent", "root"):
            post = _text(record, "reply", end, "uri")
            if account := self._account_of(post):
                return "social.comment", account, post, properties
        quoted = _text(record, "embed", "record", "uri") or _text(record, "embed", "record", "record", "uri")
        if account := self._account_of(quoted):
            return "social.share", account, quoted, {"quote": True} | properties
        if not mentioned:
            return None
        is_reply = bool(at(record, ("reply",)))
        return ("social.comment" if is_reply else "social.user_content"), mentioned, None, properties

    def _mentioned(self, record: Any) -> str:
        facets = record.get("facets") if isinstance(record, dict) else None
        for facet in facets[:_MOST_FACETS] if isinstance(facets, list) else ():
            features = facet.get("features") if isinstance(facet, dict) else None
            for feature in features[:_MOST_FACETS] if isinstance(features, list) else ():
                if (
                    isinstance(feature, dict)
                    and feature.get("$type") == _MENTION
                    and feature.get("did") in self._accounts
                ):
                    return str(feature["did"])
        return ""

    def _account_of(self, uri: str) -> str:
        """Return which of the brand's accounts a record is of, "" where of none."""
        if not uri.startswith("at://"):
            return ""
        account = uri[5:].partition("/")[0]
        return account if account in self._accounts else ""


def _text(record: Any, *path: str) -> str:
    return text(at(record, path)) or ""


def _written(record: Any) -> str:
    said = at(record, ("text",))
    return said if isinstance(said, str) else ""


def _name(did: str, commit: _Commit) -> str:
    return f"at://{did}/{commit.collection}/{commit.rkey}"


def _who(did: str) -> str:
    return f"bluesky:{did}"


def _id(kind: str, name: str, cid: str, account: str) -> str:
    """Return the id of an event: of this record with this content, and of one of the brand's accounts."""
    return f"{SOURCE}:{kind.partition('.')[2]}-{digest(name, cid, account)}"


def _cause(via: Any, account: str) -> str | None:
    """Return the event of the repost by which somebody came to the post."""
    uri, cid = _text(via, "uri"), _text(via, "cid")
    return _id("social.share", uri, cid, account) if cid and f"/{_REPOST}/" in uri else None


def _time(record: Any, rev: str, time_us: int) -> datetime:
    """Return when it happened: as the person's program says, but not after the commit, which every server has alike."""
    witnessed = from_us(time_us)
    committed = min(_tid(rev) or witnessed, witnessed + timedelta(minutes=10))
    said = moment(at(record, ("createdAt",)))
    return min(said, committed) if said is not None and said >= _OLDEST else committed


def _tid(name: str) -> datetime | None:
    """Return the time of a timestamp id (https://atproto.com/specs/tid), None where it is none."""
    if len(name) != _TID:
        return None
    number = 0
    for letter in name:
        digit = _ALPHABET.find(letter)
        if digit < 0:
            return None
        number = number * 32 + digit
    try:
        return EPOCH + timedelta(microseconds=number >> _CLOCK_BITS)
    except OverflowError:
        return None
