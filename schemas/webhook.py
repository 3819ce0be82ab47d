"""Parses the mapping of a webhook, TOML with JMESPath values, and reports each mistake with its key.

A mapping says what to look for; it holds no code, no template and no secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.currency import CURRENCIES
from schemas.reversals import REVERSED
from schemas.toml_errors import parsed
from schemas.webhook_expressions import Compiled, Expression, Values
from schemas.webhook_signature import SCHEMES, SignatureForm, SignatureTable

__all__ = [
    "SCHEMES",
    "Challenge",
    "Expression",
    "TakenBack",
    "WebhookError",
    "WebhookEvent",
    "WebhookItems",
    "WebhookMapping",
    "bundled",
    "parse_webhook",
]

_GIVEN = frozenset({"body", "headers", "query", "form", "item", "received"})


class WebhookError(ValueError):
    """An error in a mapping; the message names each key, its value and what is allowed."""


Type = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=64)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


class _Body(_Table):
    form_field: Word | None = None


class _Challenge(_Table):
    method: Literal["GET", "HEAD", "POST"]
    signed: bool = False
    when: Compiled | None = None
    token: Compiled | None = None
    answer: Compiled | None = None


class _Items(_Table):
    when: Compiled | None = None
    each: Annotated[dict[Name, Compiled], Field(min_length=1, max_length=4)]

    @model_validator(mode="after")
    def _ends(self) -> Self:
        *outer, last = self.each
        if last != "item" or _GIVEN & set(outer):
            raise ValueError("the last list has the name item, the ones around it names of your own")
        return self


class _Handles(_Table):
    account: Values | None = None
    user: Values | None = None
    email: Values | None = None
    phone: Values | None = None
    loyalty: Values | None = None
    social: Values | None = None
    cookie: Values | None = None
    device: Values | None = None

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not any(getattr(self, kind) for kind in type(self).model_fields):
            raise ValueError("an event has a handle: say where it stands")
        return self


class _Data(_Table):
    content: Compiled | None = None
    product: Compiled | None = None
    place: Compiled | None = None
    campaign: Compiled | None = None
    device: Compiled | None = None
    amount: Compiled | None = None
    amount_minor: Compiled | None = None
    minus_minor: Compiled | None = None
    currency: Compiled | None = None
    rating: Compiled | None = None
    sentiment: Compiled | None = None
    text: Compiled | None = None
    language: Compiled | None = None
    cause: Compiled | None = None

    @model_validator(mode="after")
    def _money(self) -> Self:
        if self.amount and self.amount_minor:
            raise ValueError("give amount or amount_minor, not both")
        if (self.amount or self.amount_minor) and not self.currency:
            raise ValueError("an amount needs a currency")
        if self.minus_minor and not self.amount_minor:
            raise ValueError("minus_minor is subtracted from amount_minor: give that too")
        return self


class _TakenBack(_Table):
    when: Compiled
    by: Compiled | None = None


class _Event(_Table):
    type: Type
    below_zero: Type | None = None
    when: Compiled
    each: Compiled | None = None
    unless: dict[Name, Compiled] = {}
    id: Compiled
    time: Compiled
    taken_back: _TakenBack | None = None
    handles: _Handles
    data: _Data = _Data()
    properties: dict[Word, Compiled] = {}

    @model_validator(mode="after")
    def _reversed(self) -> Self:
        if self.taken_back and self.type not in REVERSED:
            raise ValueError(f"taken_back: nothing takes {self.type} back; known are {', '.join(REVERSED)}")
        return self


class _File(_Table):
    version: Literal[1]
    account: Compiled | None = None
    body: _Body = _Body()
    challenge: Annotated[list[_Challenge], Field(max_length=4)] = []
    signature: SignatureTable
    items: Annotated[list[_Items], Field(max_length=8)] = []
    let: Annotated[dict[Name, Compiled], Field(max_length=16)] = {}
    passed: Annotated[dict[Name, Compiled], Field(max_length=32)] = {}
    minor_digits: dict[Literal[tuple(sorted(CURRENCIES))], Annotated[int, Field(ge=0, le=4)]] = {}  # type: ignore[valid-type]
    event: Annotated[list[_Event], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _parts(self) -> Self:
        if self.items and any(event.each for event in self.event):
            raise ValueError("an event has `each`, or the mapping has [[items]], not both")
        taken = _GIVEN.union(*(each.each for each in self.items))
        if names := sorted(taken & set(self.let)):
            raise ValueError(f"let.{names[0]}: the name has a meaning already")
        return self


@dataclass(frozen=True, slots=True)
class Challenge:
    """A request by which a provider asks whether the address is ours: what it has, the token that proves it, what is answered."""

    method: str
    signed: bool
    when: Expression | None
    token: Expression | None
    answer: Expression | None


@dataclass(frozen=True, slots=True)
class WebhookItems:
    """Where the items of a delivery are: lists in lists by name, from the outermost to `item`."""

    when: Expression | None
    each: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """When an item takes an event back, and what it has in common with it where it does not say when that happened."""

    when: Expression
    by: Expression | None


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A kind of event that a webhook can bring; it is passed over where one of `unless` holds, for the reason that it has.

    Attributes
    ----------
    below_zero
        The type where the amount is negative, "" for the same one; the amount is positive then.
    """

    type: str
    below_zero: str
    when: Expression
    each: Expression | None
    unless: Mapping[str, Expression]
    id: Expression
    time: Expression
    taken_back: TakenBack | None
    handles: Mapping[str, tuple[Expression, ...]]
    data: Mapping[str, Expression]
    properties: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class WebhookMapping:
    """The mapping of one provider's webhook.

    Attributes
    ----------
    form_field
        The field of a form that has the JSON, "" for none.
    account
        Which of the provider's accounts an item is of.
    items
        Where the items are; none where the delivery is one.
    let, passed
        Names for what is found in an item; reasons to pass it over.
    minor_digits
        Decimals of currencies whose minor unit the provider has otherwise than ISO 4217.
    """

    name: str
    form_field: str
    signature: SignatureForm
    events: tuple[WebhookEvent, ...]
    account: Expression | None = None
    challenges: tuple[Challenge, ...] = ()
    items: tuple[WebhookItems, ...] = ()
    let: Mapping[str, Expression] = field(default_factory=dict)
    passed: Mapping[str, Expression] = field(default_factory=dict)
    minor_digits: Mapping[str, int] = field(default_factory=dict)


def parse_webhook(text: str, *, name: str) -> WebhookMapping:
    """Read a mapping file, TOML as `deploy/docs/guide/webhooks.md` documents it; `name` is the webhook's, as in its address.

    Raises
    ------
    WebhookError
        Not TOML, or a key is missing, unknown, out of range or no JMESPath; every such key is named.
    """
    file = parsed(_File, text, name=name, mistake=WebhookError)
    return WebhookMapping(
        name,
        file.body.form_field or "",
        file.signature.form(),
        tuple(map(_to_event, file.event)),
        file.account,
        tuple(
            Challenge(each.method, each.signed, each.when, each.token, each.answer) for each in file.challenge
        ),
        tuple(WebhookItems(each.when, tuple(each.each.items())) for each in file.items),
        file.let,
        file.passed,
        file.minor_digits,
    )


def _to_event(event: _Event) -> WebhookEvent:
    back = event.taken_back
    return WebhookEvent(
        event.type,
        event.below_zero or "",
        event.when,
        event.each,
        event.unless,
        event.id,
        event.time,
        TakenBack(back.when, back.by) if back else None,
        {kind: tuple(values) for kind, values in event.handles if values},
        {name: value for name, value in event.data if value},
        event.properties,
    )


def bundled() -> dict[str, WebhookMapping]:
    """Return the ready-made mappings by name."""
    folder = files("schemas").joinpath("webhooks")
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    names = sorted(name for name in texts if name.endswith(".toml"))
    return {
        name.removesuffix(".toml"): parse_webhook(texts[name], name=name.removesuffix(".toml"))
        for name in names
    }
