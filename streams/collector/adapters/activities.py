"""Translates ActivityStreams 2.0 activities into events; an Undo reverts the event of exactly that activity.

Reference: https://www.w3.org/TR/activitystreams-vocabulary/
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from schemas.event import MAX_NAME
from schemas.reversals import REVERSED
from schemas.segment import snake
from streams.collector.adapters import Item, Request
from streams.collector.adapters.activity_pages import COLLECTIONS, activities_in, type_of
from streams.collector.adapters.fields import at, number, presented_key, text
from streams.collector.adapters.lines import event_line, made_id, masked
from streams.collector.adapters.times import moment, rfc3339
from streams.collector.adapters.tolerant import Unusable, UnusableValue
from streams.collector.adapters.written import mood_of
from streams.mood.moods import NO_MOODS, Mood, Moods

__all__ = ["TYPES", "Activities"]

TYPES = {
    "Accept": "social.accept",
    "Arrive": "store.check_in",
    "Dislike": "social.dislike",
    "Follow": "social.follow",
    "Join": "community.join",
    "Leave": "community.leave",
    "Like": "social.like",
    "Listen": "social.impression",
    "Announce": "social.share",
    "Read": "social.impression",
    "View": "social.impression",
}
_PEOPLE = {"Person", "Profile"}
_THINGS = {
    "Article", "Audio", "Document", "Event", "Image", "Note", "Page", "Place", "Question", "Video", "Organization",
    "Service", "Application", "Product",
}  # fmt: skip
# To whom something is said: these do nothing.
_PUBLIC = frozenset({"as:public", "public", "https://www.w3.org/ns/activitystreams#public"})
_KINDS = {"acct": "social", "mailto": "email", "tel": "phone"}  # of actors, by the scheme of their id
# Addresses that name no one.
_NOWHERE = re.compile(r"(?i)[a-z][a-z0-9+.\-]*:/*|about:.*|acct:[^@]*@?|.*/(?:null|undefined|none|nil|nan)/?")
_WHEN = ("published", "startTime", "updated")
_BEST = 10  # what the contract takes for a rating

Object = Mapping[str, Any]


class _Unusable(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """An activity that cannot be an event, with the field and what is wrong; it never quotes a value."""

    def __init__(self, field: str, detail: str) -> None:
        self.field, self.detail = field, detail


class Activities:
    """The adapter; `moods` reads what people wrote."""

    routes: Sequence[str] = ("/v1/activities",)

    def __init__(self, moods: Moods = NO_MOODS) -> None:
        self._moods = moods

    def key(self, request: Request) -> str:
        """Return the write key that the request presents."""
        return presented_key(request)

    def verify(self, request: Request) -> None:
        """Do nothing: activities are not signed, the write key vouches for them."""

    def translate(self, request: Request) -> Sequence[Item]:
        """Return an item for each activity, in their order: of one, of a list, or of a collection."""
        return [
            _item(activity, pointer, request, self._moods)
            for pointer, activity in activities_in(request.body)
        ]

    def answer(self, results: Sequence[Mapping[str, Any]]) -> tuple[int, bytes, str] | None:
        """Return None: ours will do."""


def _item(activity: Any, pointer: str, request: Request, moods: Moods) -> Item:
    if isinstance(activity, UnusableValue):
        return Item(None, pointer + activity.pointer, activity.reason, activity.detail)
    if not isinstance(activity, Mapping):
        return Item(None, pointer, "not_json", "not a JSON object")
    try:
        return Item(_event(activity, request, moods), pointer, is_made=True)
    except _Unusable as why:
        return Item(None, f"{pointer}/{why.field}", "bad_value", why.detail)
    except Unusable as why:
        return Item(None, pointer, "bad_value", str(why))


def _event(activity: Object, request: Request, moods: Moods) -> bytes:
    activity = _passed_on(activity)
    kind = type_of(activity)
    if not kind:
        raise _Unusable("type", "an activity has a type")
    if kind in COLLECTIONS:
        raise _Unusable("type", "a collection is sent by itself, not as an item of another")
    if kind in {"Undo", "Delete"}:
        return _reversal(activity, kind, request, moods)
    return _line(
        activity, _meaning(activity, kind), _id(activity, request), _time(activity, request), request, moods
    )


def _passed_on(activity: Object) -> Object:
    """Return an activity, or the one that it passes on: a group announces what its members do (FEP-1b12), and it is theirs."""
    inner = activity.get("object")
    if type_of(activity) != "Announce" or not isinstance(inner, Mapping) or not inner.get("actor"):
        return activity
    return activity if type_of(inner) in _THINGS else _passed_on(inner)


def _reversal(activity: Object, kind: str, request: Request, moods: Moods) -> bytes:
    """Return the event that takes back another: of the same person, at the same time, once however often it is sent."""
    undone = activity.get("object")
    if not isinstance(undone, Mapping) or type_of(undone) in {"", "Tombstone"}:
        raise _Unusable("object", f"{kind} embeds what it takes back: an id alone does not say what that was")
    undone = _passed_on(undone)
    if kind == "Delete" and type_of(undone) != "Create":
        undone = {"type": "Create", "actor": undone.get("attributedTo"), "object": undone}
    doer = activity.get("actor") or undone.get("actor")
    if _actor(undone.get("actor")) not in {None, _actor(doer)}:
        raise _Unusable("actor", f"{kind} is for the one who did it")
    back = REVERSED.get(_meaning(undone, type_of(undone)))
    if back is None:
        raise _Unusable(
            "object/type", f"what takes this back is not known; known are {', '.join(sorted(REVERSED))}"
        )
    cause, about = _undone(undone)
    time = _time(undone, None)
    if not time:
        raise _Unusable(
            "object/published", f"{kind} is exact only where what it takes back says when it was `published`"
        )
    own = f"{sha256(about.encode()).hexdigest()[:32]}:undo"
    return _line({**undone, "actor": doer}, back, own, time, request, moods, cause=cause)


def _undone(activity: Object) -> tuple[str, str]:
    """Return the id of what is undone, and what all that undo it have in common: what was made, if anything was."""
    made = activity.get("object") if type_of(activity) == "Create" else None
    about = _reference(made) if isinstance(made, Mapping) else None
    cause = _reference(activity) or about
    if not cause:
        raise _Unusable("object/id", "what is taken back is named by its id")
    return cause, about or cause


def _line(  # noqa: PLR0913, PLR0917 - what was found out of one activity
    activity: Object,
    kind: str,
    own: str,
    time: str,
    request: Request,
    moods: Moods,
    *,
    cause: str | None = None,
) -> bytes:
    target = activity.get("object")
    about = target.get("inReplyTo") if isinstance(target, Mapping) and target.get("inReplyTo") else target
    place = activity.get("location") or (
        activity.get("target") or target if kind.startswith("store.") else None
    )
    rating = _rating(target)
    mood = _mood(activity, request, moods, rating)
    fields = {
        "content": None if kind.startswith("store.") else _thing(about),
        "place": _thing(place),
        "rating": rating,
        "sentiment": mood and mood.sentiment,
        "cause": cause,
    }
    return event_line(
        id=own,
        source=request.grant_source or "activities",
        type=kind,
        time=time,
        handles=_handles(activity.get("actor")),
        fields=fields,
        properties={"activity": type_of(activity), "object": type_of(target) or None}
        | (mood.properties if mood else {}),
    )


def _meaning(activity: Object, kind: str) -> str:
    """Return the event type of an activity that is no Undo."""
    if kind != "Create":
        return TYPES.get(kind) or f"social.{snake(masked(kind)) or 'activity'}"
    made = activity.get("object")
    if isinstance(made, Mapping) and _rating(made) is not None:
        return "social.review"
    replies = isinstance(made, Mapping) and made.get("inReplyTo")
    return "social.comment" if replies else "social.user_content"


def _id(activity: Object, request: Request) -> str:
    """Return the id; for an activity without one, the same for the same activity sent again."""
    if own := _reference(activity):
        return own
    timed = None if activity.get("published") else request.received_us
    return made_id([activity, timed])


def _reference(value: Object) -> str | None:
    return text(value.get("id") or value.get("@id"), 0)


def _id_of(value: Any, limit: int = MAX_NAME) -> str | None:
    """Return what names an object: its id, else its address or name; of several, the first."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        names = (value.get(field) for field in ("id", "@id", "url", "href", "name"))
        return next((found for name in names if (found := text(name, limit))), None)
    return text(value, limit) if isinstance(value, str) else None


def _thing(value: Any) -> str | None:
    """Return what names an object that is no person: its name only where its type says that it is a thing."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, Mapping):
        kind = type_of(value)
        named = {"name": _name(value.get("name"))} if kind in _THINGS else {}
        value = {name: item for name, item in value.items() if name != "name"} | named
        return None if kind in _PEOPLE else _id_of(value)
    return _id_of(value)


def _name(name: Any) -> Any:
    """Return a name as it may be kept: it is free text, wherever it goes."""
    return masked(name[:MAX_NAME]) if isinstance(name, str) else name


def _actor(actor: Any) -> str | None:
    """Return what identifies an actor: an id or address, not a name, which many have; of several actors, the first.

    A text names somebody where it is an IRI or has an "@"; a blank node (`_:b0`) has its name in one document alone.
    """
    if isinstance(actor, list):
        actor = actor[0] if actor else None
    if isinstance(actor, Mapping):
        found = _id_of({name: actor.get(name) for name in ("id", "@id", "url", "href")}, 0)
    else:
        found = _id_of(actor, 0)
    is_known = (
        found
        and not found.startswith("_:")
        and (":" in found or "@" in found)
        and found.lower() not in _PUBLIC
        and not _NOWHERE.fullmatch(found)
    )
    return found if is_known else None


def _handles(actor: Any) -> dict[str, list[str]]:
    """Return who an actor is: a social account by its id, or whom a mailto:, tel: or acct: names."""
    name = _actor(actor)
    if not name:
        return {}
    scheme, colon, rest = name.partition(":")
    if colon and scheme.lower() in _KINDS:
        return {_KINDS[scheme.lower()]: [unquote(rest.partition("?")[0])]}
    return {"social": [name]}


def _time(activity: Object, request: Request | None) -> str:
    """Return when it happened: as it says, else when it came; "" without a request, where it does not say.

    The object's time goes before that of its Create: a later Delete may embed it alone.
    """
    made = activity.get("object") if type_of(activity) == "Create" else None
    told = [*([made] if isinstance(made, Mapping) else []), activity]
    said = next((each[name] for each in told for name in _WHEN if each.get(name)), None)
    if said is None:
        return rfc3339(request.received_us) if request else ""
    happened = moment(said)
    return rfc3339(happened) if happened else text(said, 40) or "?"  # refused by the edge, with the reason


def _mood(activity: Object, request: Request, moods: Moods, rating: float | None) -> Mood | None:
    """Return the mood of what somebody made; of what they share or like, nothing: it is another's."""
    made = activity.get("object") if moods and type_of(activity) == "Create" else None
    if not isinstance(made, Mapping):
        return None
    said, by_language = made.get("content"), made.get("contentMap")
    known = by_language if isinstance(by_language, Mapping) else {}
    language = next((name for name, each in known.items() if each == said or len(known) == 1), "")
    return mood_of(moods, request.grant_brand, language, said or known.get(language), {"rating": rating})


def _rating(made: Any) -> float | None:
    """Return the stars of a review: AS2 has none, schema.org's `reviewRating` is what is used with it."""
    for path in (("reviewRating", "ratingValue"), ("reviewRating",), ("rating",)):
        found = number(at(made, path))
        if found is not None and 0 <= found <= _BEST:
            return found
    return None
