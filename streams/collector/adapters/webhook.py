"""Translates webhooks of any provider into events, by a mapping for each name, and verifies signed deliveries."""

import hmac
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import to_json

from schemas.webhook import Challenge, Expression, WebhookMapping
from streams.collector.adapters import Item, Malformed, Request, Unverified
from streams.collector.adapters.fields import json_body, presented_key, text
from streams.collector.adapters.originals import Originals
from streams.collector.adapters.signatures import Secrets, verify
from streams.collector.adapters.webhook_event import Delivery, items_of
from streams.collector.adapters.webhook_items import NO_EVENT, Scope, brand_of, holds, parts
from streams.mood.moods import NO_MOODS, Moods

__all__ = ["Webhooks"]

_REMEMBERED = 100_000  # deliveries, of 32 bytes each; then the oldest are forgotten
_FIELDS = 100  # of a form
_LONGEST_HEADER = 1_024
_ANSWER = re.compile(r"[\w.~+/=-]{1,512}", re.ASCII)  # of a challenge: digits or random letters
_NO_SECRETS = Secrets()


class Webhooks:
    """The adapter of all webhooks: `/v1/webhooks/NAME` is read by the mapping of that name.

    A delivery whose signed time is within the window is accepted once: it is remembered when the log has it, so that a
    provider which got no answer may send it again. Where no time is signed a retry cannot be distinguished from a replay,
    and the ids of its events say that they are the same.
    """

    routes: Sequence[str] = ("/v1/webhooks/{name}",)

    def __init__(
        self,
        mappings: Mapping[str, WebhookMapping],
        secrets: Mapping[str, Secrets],
        moods: Moods = NO_MOODS,
    ) -> None:
        self._mappings, self._secrets, self._moods = dict(mappings), dict(secrets), moods
        self._taken: OrderedDict[bytes, None] = OrderedDict()
        self._originals = Originals()

    def key(self, request: Request) -> str:
        """Return the write key; providers that send no headers of ours have it in the address, as `writeKey`."""
        return presented_key(request)

    def challenge(self, request: Request) -> tuple[int, bytes, str] | None:
        """Return the answer to a provider that asks whether the address is ours; None where it asks something else.

        Raises
        ------
        Unverified
            Its token is not the write key, or it is to be signed and is not.
        Malformed
            It asks for an answer that is no word.
        """
        mapping = self._mapping(request)
        challenges = mapping.challenges if mapping else ()
        asked = [each for each in challenges if each.method == request.method]
        if not asked or mapping is None:
            return None
        scope = _challenge_scope(mapping, request)
        found = next((each for each in asked if _is_asked(each, scope)), None)
        return None if found is None else self._answer_to(found, mapping, scope, request)

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
        """Return an item for each event that the mapping finds, and for each item that it passes over."""
        mapping = self._mapping(request)
        if mapping is None:
            raise Malformed("", f"no webhook has this name; known are {', '.join(self._mappings)}")
        delivery = Delivery(mapping, request, self._originals, self._moods)
        scopes = parts(mapping, _scope(mapping, request))
        found = [item for part in scopes for item in _of_part(part, delivery)]
        return found or [Item(None, "", passed_over=NO_EVENT)]

    def answer(self, results: Sequence[Mapping[str, Any]]) -> tuple[int, bytes, str] | None:
        """Return 200: to anything else providers answer by sending the same again, and what was rejected is kept."""
        return 200, to_json({"items": list(results)}), "application/json"

    def _mapping(self, request: Request) -> WebhookMapping | None:
        return self._mappings.get(request.path.rpartition("/")[2])

    def _mark(self, mapping: WebhookMapping, request: Request) -> bytes | None:
        return verify(mapping.signature, request, self._secrets.get(mapping.name, _NO_SECRETS))

    def _answer_to(
        self, challenge: Challenge, mapping: WebhookMapping, scope: Scope, request: Request
    ) -> tuple[int, bytes, str]:
        if challenge.signed:
            self._mark(mapping, request)
        if challenge.token:
            token = _word(challenge.token, scope)
            if not hmac.compare_digest(token.encode(), presented_key(request).encode()):
                raise Unverified("the provider's token is not the write key of the address: enter it there")
        if challenge.answer is None:
            return 200, to_json({"items": []}), "application/json"
        answer = _word(challenge.answer, scope)
        if not _ANSWER.fullmatch(answer):
            raise Malformed("", "the challenge is no word of at most 512 letters and digits")
        return 200, answer.encode(), "text/plain"


def _of_part(part: Scope | Item, delivery: Delivery) -> Iterator[Item]:
    """Yield what the mapping makes of one item, or why it passes it over."""
    if isinstance(part, Item):
        yield part
        return
    mapping = delivery.mapping
    try:
        scope = dict(part)
        for name, expression in mapping.let.items():
            scope[name] = expression.search(scope)
        reason = next((name for name, each in mapping.passed.items() if holds(each.search(scope))), "")
        other, brand = brand_of(mapping, scope)
    except ValueError as error:
        yield Item(None, "", "bad_value", f"item: {error}")
        return
    if reason := other or reason:
        yield Item(None, "", passed_over=reason)
        return
    found = [item for event in mapping.events for item in items_of(event, delivery, scope, brand)]
    yield from found or [Item(None, "", passed_over=NO_EVENT)]


def _is_asked(challenge: Challenge, scope: Scope) -> bool:
    try:
        return challenge.when is None or holds(challenge.when.search(scope))
    except ValueError:
        return False


def _word(expression: Expression, scope: Scope) -> str:
    """Return a text of a challenge, "" where there is none."""
    try:
        return text(expression.search(scope), 0) or ""
    except ValueError:
        return ""


def _challenge_scope(mapping: WebhookMapping, request: Request) -> Scope:
    """Return what expressions of challenges see: a body that is no delivery is none, or a form."""
    try:
        body = _body(mapping, request)
    except Malformed:
        body = None
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return _seen(request, body) | {"form": _fields(request.body) if form else {}}


def _scope(mapping: WebhookMapping, request: Request) -> Scope:
    return _seen(request, _body(mapping, request))


def _seen(request: Request, body: Any) -> Scope:
    """Return what expressions see; names of headers have "_" for "-"."""
    headers = {name.replace("-", "_"): value[:_LONGEST_HEADER] for name, value in request.headers.items()}
    for secret in ("authorization", "cookie", "x_write_key"):
        headers.pop(secret, None)
    return {
        "body": body,
        "headers": headers,
        "query": dict(request.query) | {"writeKey": None},
        "item": None,
        "received": request.received_us / 1e6,
    }


def _body(mapping: WebhookMapping, request: Request) -> Any:
    if not mapping.form_field:
        return json_body(request.body)
    fields = _fields(request.body)
    if fields is None:
        raise Malformed("", "the body is not a form in UTF-8")
    if mapping.form_field not in fields:
        raise Malformed("", f"the form has no field {mapping.form_field}")
    return json_body(fields[mapping.form_field].encode())


def _fields(body: bytes) -> dict[str, str] | None:
    """Return the fields of a form, None where it is none."""
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=_FIELDS))
    except ValueError:
        return None
