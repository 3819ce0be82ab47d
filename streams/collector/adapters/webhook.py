"""Translates webhooks of any provider into events, by a mapping for each name, and verifies signed deliveries."""

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import to_json

from journey.identity.nobody import is_word_for_nobody
from schemas.currency import minor_digits
from schemas.event import MAX_AMOUNT
from schemas.webhook import Expression, WebhookEvent, WebhookMapping
from streams.collector.adapters import Item, Malformed, Request, Unverified
from streams.collector.adapters.amounts import UnreadAmount, amount, money
from streams.collector.adapters.fields import json_body, number, presented_key, text
from streams.collector.adapters.lines import event_line
from streams.collector.adapters.signatures import Secrets, verify
from streams.collector.adapters.times import moment, rfc3339
from streams.collector.adapters.tolerant import UnusableValue, judged

__all__ = ["Webhooks"]

_REMEMBERED = 100_000  # deliveries, of 32 bytes each; then the oldest are forgotten
_MOST = 500  # events of one kind in a delivery
_FIELDS = 100  # of a form
_LONGEST_HEADER = 1_024
_NUMBERS = ("rating", "sentiment")
_MONEY = ("amount", "amount_minor", "currency")
_NO_MONEY = (
    "no_money"  # the reason to pass over what moves none: as the mapping says, or as its amount is read
)
_MINUS = frozenset({"-", "\u2212", "\u2013", "("})
_NO_EVENT = "no_event"  # why a delivery is passed over that no event of its mapping is about
_NO_SECRETS = Secrets()


class Webhooks:
    """The adapter of all webhooks: `/v1/webhooks/NAME` is read by the mapping of that name.

    A delivery whose signed time is within the window is accepted once: it is remembered when the log has it, so that a
    provider which got no answer may send it again. Where no time is signed a retry cannot be distinguished from a replay,
    and the ids of its events say that they are the same.
    """

    routes: Sequence[str] = ("/v1/webhooks/{name}",)

    def __init__(self, mappings: Mapping[str, WebhookMapping], secrets: Mapping[str, Secrets]) -> None:
        self._mappings, self._secrets = dict(mappings), dict(secrets)
        self._taken: OrderedDict[bytes, None] = OrderedDict()

    def key(self, request: Request) -> str:
        """Return the write key; providers that send no headers of ours have it in the address, as `writeKey`."""
        return presented_key(request)

    def verify(self, request: Request) -> None:
        """Raise Unverified unless the provider signed this delivery, lately, and it is not known already."""
        if (mapping := self._mapping(request)) and self._mark(mapping, request) in self._taken:
            raise Unverified("this delivery was taken already")

    def settle(self, request: Request) -> None:
        """Remember a delivery that the log has."""
        if (mapping := self._mapping(request)) and (mark := self._mark(mapping, request)):
            self._taken[mark] = None
            if len(self._taken) > _REMEMBERED:
                self._taken.popitem(last=False)

    def translate(self, request: Request) -> Sequence[Item]:
        """Return an item for each event that the mapping finds, and for each that it passes over.

        A delivery that is about something else is passed over.
        """
        mapping = self._mapping(request)
        if mapping is None:
            raise Malformed("", f"no webhook has this name; known are {', '.join(self._mappings)}")
        scope = _scope(mapping, request)
        found = [item for event in mapping.events for item in _items(event, mapping, scope, request)]
        return found or [Item(None, "", passed_over=_NO_EVENT)]

    def answer(self, results: Sequence[Mapping[str, Any]]) -> tuple[int, bytes, str] | None:
        """Return 200: to anything else providers answer by sending the same again, and what was rejected is kept."""
        return 200, to_json({"items": list(results)}), "application/json"

    def _mapping(self, request: Request) -> WebhookMapping | None:
        return self._mappings.get(request.path.rpartition("/")[2])

    def _mark(self, mapping: WebhookMapping, request: Request) -> bytes | None:
        return verify(mapping.scheme, request, self._secrets.get(mapping.name, _NO_SECRETS))


def _scope(mapping: WebhookMapping, request: Request) -> dict[str, Any]:
    """Return what expressions see; names of headers have "_" for "-"."""
    body = _form(request.body, mapping.form_field) if mapping.form_field else json_body(request.body)
    headers = {name.replace("-", "_"): value[:_LONGEST_HEADER] for name, value in request.headers.items()}
    for secret in ("authorization", "cookie", "x_write_key"):
        headers.pop(secret, None)
    return {"body": body, "headers": headers, "query": dict(request.query) | {"writeKey": None}, "item": None}


def _form(body: bytes, field: str) -> Any:
    try:
        fields = dict(parse_qsl(body.decode(), max_num_fields=_FIELDS))
    except ValueError:
        raise Malformed("", "the body is not a form in UTF-8") from None
    if field not in fields:
        raise Malformed("", f"the form has no field {field}")
    return json_body(fields[field].encode())


def _items(
    event: WebhookEvent, mapping: WebhookMapping, scope: dict[str, Any], request: Request
) -> Iterator[Item]:
    try:
        if not _holds(event.when.search(scope)):
            return
        found = [None] if event.each is None else event.each.search(scope)
    except ValueError as error:
        yield Item(None, "", "bad_value", f"{event.type}: {error}")
        return
    found = found if isinstance(found, list) else []
    for place, item in enumerate(found[:_MOST]):
        about = judged(scope["body"] if event.each is None else item)
        if isinstance(about, UnusableValue):
            where = f"{event.type}: {'' if event.each is None else f'item {place}, '}{about.pointer or '/'}"
            yield Item(None, "", about.reason, f"{where}: {about.detail}")
        else:
            yield _item(event, mapping, scope | {"item": item}, request)
    if len(found) > _MOST:
        yield Item(None, "", "too_large", f"{event.type}: {len(found)} events, at most {_MOST}")


def _holds(value: Any) -> bool:
    return value is not None and value is not False and value not in ("", [], {})


def _item(event: WebhookEvent, mapping: WebhookMapping, scope: Mapping[str, Any], request: Request) -> Item:
    try:
        if reason := next((name for name, holds in event.unless.items() if _holds(holds.search(scope))), ""):
            return Item(None, "", passed_over=reason)
        fields, left_out = _fields(event.data, scope)
        if _NO_MONEY in event.unless and not (left_out or fields.get("amount")):
            return Item(None, "", passed_over=_NO_MONEY)
        kind = event.type
        if event.below_zero and _is_below_zero(event, fields, scope):
            kind, fields["amount"] = event.below_zero, abs(fields.get("amount") or 0) or None
        line = _line(event, kind, mapping, scope, request, fields)
    except ValueError as error:
        return Item(None, "", "bad_value", f"{event.type}: {error}")
    return Item(line, "", is_made=True, left_out=f"{event.type}: {left_out}" if left_out else "")


def _line(  # noqa: PLR0913, PLR0917 - of one item
    event: WebhookEvent,
    kind: str,
    mapping: WebhookMapping,
    scope: Mapping[str, Any],
    request: Request,
    fields: Mapping[str, Any],
) -> bytes:
    own = text(event.id.search(scope), 0)
    if not own:
        raise ValueError("what `id` names is absent")
    said = event.time.search(scope)
    happened = moment(said)
    return event_line(
        id=f"{mapping.name}:{own}",
        source=request.grant_source or mapping.name,
        type=kind,
        time=rfc3339(happened) if happened else text(said, 40) or "?",  # refused by the edge, with the reason
        handles=_handles(event.handles, mapping.name, scope),
        fields=fields,
        properties={
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


def _fields(wanted: Mapping[str, Expression], scope: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the fields of an event, and why its amount is not among them, where it could not be read."""
    found: dict[str, Any] = {}
    for name, expression in wanted.items():
        if name not in _MONEY:
            value = expression.search(scope)
            found[name] = number(value) if name in _NUMBERS else text(value)
    try:
        return found | _worth(wanted, scope, _currency(wanted, scope)), ""
    except UnreadAmount as why:
        return found, f"its amount is not read: {why}"


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


def _worth(wanted: Mapping[str, Expression], scope: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return amount and currency, as far as they are given."""
    digits = minor_digits(currency)
    minor = amount(_searched(wanted, "amount_minor", scope), MAX_AMOUNT * 10**digits)
    if minor is not None:
        return {"amount": minor[0] / 10**digits, "currency": currency or None}
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
