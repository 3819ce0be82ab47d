"""Makes events of one item of a webhook's delivery, by the mapping: what happened, and what is taken back."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from journey.identity.nobody import is_word_for_nobody
from schemas.currency import minor_digits
from schemas.event import MAX_AMOUNT, SENTIMENT_BY
from schemas.reversals import REVERSED
from schemas.webhook import Expression, WebhookEvent, WebhookMapping
from streams.collector.adapters import Item, Malformed, Request
from streams.collector.adapters.amounts import UnreadAmount, amount, money
from streams.collector.adapters.fields import number, presented_key, text
from streams.collector.adapters.lines import event_line
from streams.collector.adapters.originals import Originals
from streams.collector.adapters.times import moment, rfc3339
from streams.collector.adapters.tolerant import UnusableValue, judged
from streams.collector.adapters.webhook_items import MOST_ITEMS, Scope, holds, unusable
from streams.collector.adapters.written import mood_of
from streams.mood.moods import NO_MOODS, Moods

__all__ = ["Delivery", "items_of"]

_NUMBERS = ("rating", "sentiment")
_MONEY = ("amount", "amount_minor", "minus_minor", "currency")
_WRITTEN = ("text", "language")
_NO_MONEY = (
    "no_money"  # the reason to pass over what moves none: as the mapping says, or as its amount is read
)
_UNKNOWN = "unknown_original"  # why a removal is passed over: what it takes back is not remembered
_MINUS = frozenset({"-", "\u2212", "\u2013", "("})


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as its items see it: the mapping, the request, what may be taken back, and what reads people's texts."""

    mapping: WebhookMapping
    request: Request
    originals: Originals
    moods: Moods = NO_MOODS


def items_of(event: WebhookEvent, delivery: Delivery, scope: Scope, brand: str) -> Iterator[Item]:
    """Yield what one kind of event finds in an item: of one, or of each element of a list in it.

    Raises
    ------
    Malformed
        The list has more than 5,000.
    """
    try:
        if not holds(event.when.search(scope)):
            return
        found = [None] if event.each is None else event.each.search(scope)
    except ValueError as error:
        yield Item(None, "", "bad_value", f"{event.type}: {error}")
        return
    found = found if isinstance(found, list) else []
    if len(found) > MOST_ITEMS:
        raise Malformed("", f"{len(found):,} items, at most {MOST_ITEMS:,}: send smaller batches")
    for place, item in enumerate(found):
        whole = None if delivery.mapping.items else scope["body"]  # items were looked at already
        about = judged(whole if event.each is None else item)
        if isinstance(about, UnusableValue):
            yield unusable(about, f"{event.type}: {'' if event.each is None else f'item {place}, '}")
        else:
            yield from _items(event, delivery, scope if event.each is None else scope | {"item": item}, brand)


def _items(event: WebhookEvent, delivery: Delivery, scope: Scope, brand: str) -> Iterator[Item]:
    try:
        if reason := next((name for name, each in event.unless.items() if holds(each.search(scope))), ""):
            yield Item(None, "", passed_over=reason)
            return
        if event.taken_back and event.taken_back.by and holds(event.taken_back.when.search(scope)):
            yield _removal(event, event.taken_back.by, delivery, scope, brand)
            return
        fields, left_out = _fields(event.data, scope, delivery.mapping.minor_digits)
        fields |= _mood(event.data, fields, delivery, scope, brand)
        if _NO_MONEY in event.unless and not (left_out or fields.get("amount")):
            yield Item(None, "", passed_over=_NO_MONEY)
            return
        kind = event.type
        if event.below_zero and _is_below_zero(event, fields, scope):
            kind, fields["amount"] = event.below_zero, abs(fields.get("amount") or 0) or None
        lines, dropped = _made(event, kind, delivery, scope, fields | {"brand": brand or None})
    except ValueError as error:
        yield Item(None, "", "bad_value", f"{event.type}: {error}")
        return
    said = f"{event.type}: {left_out}" if left_out else ""
    yield from (Item(line, "", is_made=True, left_out=said, dropped=dropped) for line in lines)


def _removal(event: WebhookEvent, by: Expression, delivery: Delivery, scope: Scope, brand: str) -> Item:
    """Return what takes back the event that a removal has `by` in common with, if that is remembered."""
    at = moment(event.time.search(scope))
    if at is None:
        raise ValueError("what `time` names is absent, or no time")
    line = delivery.originals.removed(_key(delivery, by, scope, brand), at)
    return Item(line, "", is_made=True) if line else Item(None, "", passed_over=_UNKNOWN)


def _key(delivery: Delivery, by: Expression, scope: Scope, brand: str) -> bytes:
    common = text(by.search(scope), 0)
    if not common:
        raise ValueError("what `taken_back.by` names is absent")
    # The write key too: what one brand's key sent is nothing of another's.
    names = (delivery.mapping.name, presented_key(delivery.request), brand, common)
    return sha256("\0".join(names).encode("utf-8", "surrogatepass")).digest()


def _made(
    event: WebhookEvent, kind: str, delivery: Delivery, scope: Scope, fields: Mapping[str, Any]
) -> tuple[list[bytes], Callable[[], None] | None]:
    """Return the lines of an event, and what to do where the log does not have it.

    They are its own, that of what takes it back, or both where the removal came first.
    """
    back = event.taken_back
    if back is None or back.by is None:
        is_taken_back = back is not None and holds(back.when.search(scope))
        return [_line(event, kind, delivery, scope, fields, is_taken_back=is_taken_back)], None
    line = _line(event, kind, delivery, scope, fields)
    at = moment(event.time.search(scope))
    if at is None:
        return [line], None
    reversal = _line(event, kind, delivery, scope, fields, is_taken_back=True)
    key = _key(delivery, back.by, scope, fields["brand"] or "")
    lines = [line, reversal] if delivery.originals.made(key, at, reversal) else [line]
    return lines, partial(delivery.originals.dropped, key, reversal)


def _line(  # noqa: PLR0913 - of one item
    event: WebhookEvent,
    kind: str,
    delivery: Delivery,
    scope: Scope,
    fields: Mapping[str, Any],
    *,
    is_taken_back: bool = False,
) -> bytes:
    """Return an event, or what takes it back: with its time and all else that it has, once however often it is sent."""
    own = text(event.id.search(scope), 0)
    if not own:
        raise ValueError("what `id` names is absent")
    said = event.time.search(scope)
    happened = moment(said)
    fields = {**fields, "cause": f"{delivery.mapping.name}:{own}"} if is_taken_back else dict(fields)
    by = fields.pop(SENTIMENT_BY, None)
    name = delivery.mapping.name
    return event_line(
        id=f"{name}:{own}:undo" if is_taken_back else f"{name}:{own}",
        source=delivery.request.grant_source or name,
        type=REVERSED[kind] if is_taken_back else kind,
        time=rfc3339(happened) if happened else text(said, 40) or "?",  # refused by the edge, with the reason
        handles=_handles(event.handles, name, scope),
        fields=fields,
        properties=({SENTIMENT_BY: by} if by else {})
        | {
            name: value
            for name, expression in event.properties.items()
            if (value := expression.search(scope)) is not None
        },
    )


def _handles(
    wanted: Mapping[str, tuple[Expression, ...]], name: str, scope: Mapping[str, Any]
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, expressions in wanted.items():
        for value in (text(expression.search(scope), 0) for expression in expressions):
            if value and kind == "account":
                # Ids of two providers are not the same person's; but 0 is nobody of any.
                account = value if is_word_for_nobody(value) else f"{name}:{value}"
                found.setdefault("user", []).append(account)
            elif value:
                found.setdefault(kind, []).append(value)
    return found


def _fields(
    wanted: Mapping[str, Expression], scope: Mapping[str, Any], minor: Mapping[str, int]
) -> tuple[dict[str, Any], str]:
    """Return the fields of an event, and why its amount is not among them, where it could not be read."""
    found: dict[str, Any] = {}
    for name, expression in wanted.items():
        if name not in _MONEY and name not in _WRITTEN:
            value = expression.search(scope)
            found[name] = number(value) if name in _NUMBERS else text(value)
    try:
        return found | _worth(wanted, scope, _currency(wanted, scope), minor), ""
    except UnreadAmount as why:
        return found, f"its amount is not read: {why}"


def _mood(
    wanted: Mapping[str, Expression], fields: Mapping[str, Any], delivery: Delivery, scope: Scope, brand: str
) -> dict[str, Any]:
    """Return the sentiment of what the person wrote, and what computed it, unless the provider says one, or a rating.

    It goes with what takes the event back, which scores as if nothing had happened then; the text goes nowhere.
    """
    if not delivery.moods:
        return {}
    try:
        said, language = (_searched(wanted, name, scope) for name in _WRITTEN)
    except ValueError:
        return {}
    mood = mood_of(delivery.moods, brand or delivery.request.grant_brand, language, said, fields)
    return {"sentiment": mood.sentiment, SENTIMENT_BY: mood.by} if mood else {}


def _currency(wanted: Mapping[str, Expression], scope: Mapping[str, Any]) -> str:
    """Return the currency of an amount, "" where none is named; several parts of an amount may each name it."""
    named = {(text(each) or "").upper() for each in _parts(wanted, "currency", scope)} - {""}
    if len(named) > 1:
        raise UnreadAmount("it is of several currencies")
    return named.pop() if named else ""


def _is_below_zero(event: WebhookEvent, fields: Mapping[str, Any], scope: Mapping[str, Any]) -> bool:
    """Return whether an amount is negative; one that cannot be read is, where a minus stands before it."""
    if (number := fields.get("amount")) is not None:
        return bool(number < 0)
    parts = _parts(event.data, "amount", scope)
    return any(isinstance(part, str) and part.lstrip()[:1] in _MINUS for part in parts if part)


def _worth(
    wanted: Mapping[str, Expression], scope: Mapping[str, Any], currency: str, digits_of: Mapping[str, int]
) -> dict[str, Any]:
    """Return amount and currency, as far as they are given."""
    digits = digits_of.get(currency, minor_digits(currency))
    most = MAX_AMOUNT * 10**digits
    minor = amount(_searched(wanted, "amount_minor", scope), most)
    if minor is not None:
        before = amount(_searched(wanted, "minus_minor", scope), most) or (0.0, ())
        return {"amount": (minor[0] - before[0]) / 10**digits, "currency": currency or None}
    parts = [part for each in _parts(wanted, "amount", scope) if (part := money(each, currency))]
    if not parts:
        return {}
    currencies = {own for _, own in parts if own}
    if len(currencies) > 1:
        raise UnreadAmount("it is of several currencies")
    return {
        "amount": round(math.fsum(number for number, _ in parts), 4),
        "currency": next(iter(currencies), None),
    }


def _parts(wanted: Mapping[str, Expression], name: str, scope: Mapping[str, Any]) -> list[Any]:
    """Return what is found as a list: of one, where it is none."""
    given = _searched(wanted, name, scope)
    return given if isinstance(given, list) else [given]


def _searched(wanted: Mapping[str, Expression], name: str, scope: Mapping[str, Any]) -> Any:
    return wanted[name].search(scope) if name in wanted else None
