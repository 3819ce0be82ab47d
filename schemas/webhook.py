"""Parses the mapping of a webhook, TOML with JMESPath values, and reports each mistake with its key.

A mapping says what to look for; it holds no code, no template and no secret. JMESPath (https://jmespath.org) has no
loops, no names of ours and no side effects; expressions are short, compiled when they are loaded, and name only
functions that there are.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from schemas.toml_errors import parsed

__all__ = [
    "SCHEMES",
    "Expression",
    "WebhookError",
    "WebhookEvent",
    "WebhookMapping",
    "bundled",
    "parse_webhook",
]

SCHEMES = ("standard", "shopify", "square", "zendesk", "intercom", "lightspeed", "none")
_LONGEST = 1_024  # characters of an expression
_DASHES = re.compile("[\u2010-\u2015\u2212]")


class WebhookError(ValueError):
    """An error in a mapping; the message names each key, its value and what is allowed."""


class _Functions(Functions):  # type: ignore[misc]  # it has no types
    """JMESPath's functions, and `lower`."""

    @signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_lower(self, value: Any) -> str:
        """Return a text or whole number in small letters, without white space around it; "" for what is neither."""
        is_text = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
        text = unicodedata.normalize("NFKC", str(value)) if is_text else ""
        shown = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
        return _DASHES.sub("-", shown).strip().casefold()


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class Expression:
    """A compiled expression over `body`, `headers`, `query` and, under `each`, `item`."""

    def __init__(self, text: str) -> None:
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise ValueError(f"not JMESPath: {str(error).splitlines()[0]}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        for name, given in _calls(self._compiled.parsed):
            _check_call(name, given)

    def search(self, scope: Mapping[str, Any]) -> Any:
        """Return what is found, None where nothing is.

        Raises
        ------
        ValueError
            A function was given what it does not take; nothing is quoted.
        """
        try:
            return self._compiled.search(scope, options=_OPTIONS)
        except (JMESPathError, ArithmeticError, AttributeError, RecursionError, TypeError, ValueError):
            raise ValueError("the expression cannot be worked out on this body") from None


def _calls(node: Any) -> Iterator[tuple[str, int]]:
    if isinstance(node, dict):
        if node.get("type") == "function_expression":
            yield node["value"], len(node["children"])
        for child in node.get("children", ()):
            yield from _calls(child)


def _check_call(name: str, given: int) -> None:
    known = _Functions.FUNCTION_TABLE.get(name)
    if known is None:
        raise ValueError(f"there is no function {name}()")
    signature = known["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if given < len(signature) or (given > len(signature) and not variadic):
        raise ValueError(f"{name}() takes {len(signature)} arguments, not {given}")


def _compiled(value: Any) -> Any:
    if isinstance(value, Expression):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise ValueError(f"an expression is a text of 1 to {_LONGEST} characters")
    return Expression(value)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Compiled = Annotated[Expression, BeforeValidator(_compiled)]
Values = Annotated[list[Compiled], BeforeValidator(_listed), Field(min_length=1, max_length=8)]
Type = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=64)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]

Reason = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


class _Body(_Table):
    form_field: Word | None = None


class _Signature(_Table):
    scheme: Literal[SCHEMES]  # type: ignore[valid-type]


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
    currency: Compiled | None = None
    rating: Compiled | None = None
    sentiment: Compiled | None = None
    cause: Compiled | None = None

    @model_validator(mode="after")
    def _money(self) -> Self:
        if self.amount and self.amount_minor:
            raise ValueError("give amount or amount_minor, not both")
        if (self.amount or self.amount_minor) and not self.currency:
            raise ValueError("an amount needs a currency")
        return self


class _Event(_Table):
    type: Type
    below_zero: Type | None = None
    when: Compiled
    each: Compiled | None = None
    unless: dict[Reason, Compiled] = {}
    id: Compiled
    time: Compiled
    handles: _Handles
    data: _Data = _Data()
    properties: dict[Word, Compiled] = {}


class _File(_Table):
    version: Literal[1]
    body: _Body = _Body()
    signature: _Signature
    event: Annotated[list[_Event], Field(min_length=1, max_length=64)]


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
    handles: Mapping[str, tuple[Expression, ...]]
    data: Mapping[str, Expression]
    properties: Mapping[str, Expression]


@dataclass(frozen=True, slots=True)
class WebhookMapping:
    """The mapping of one provider's webhook: the form field with its JSON ("" for none), its signature, its events."""

    name: str
    form_field: str
    scheme: str
    events: tuple[WebhookEvent, ...]


def parse_webhook(text: str, *, name: str) -> WebhookMapping:
    """Read a mapping file, TOML as `deploy/docs/guide/adapters.md` documents it; `name` is the webhook's, as in its address.

    Raises
    ------
    WebhookError
        Not TOML, or a key is missing, unknown, out of range or no JMESPath; every such key is named.
    """
    file = parsed(_File, text, name=name, mistake=WebhookError)
    events = tuple(_to_event(event) for event in file.event)
    return WebhookMapping(name, file.body.form_field or "", file.signature.scheme, events)


def _to_event(event: _Event) -> WebhookEvent:
    return WebhookEvent(
        event.type,
        event.below_zero or "",
        event.when,
        event.each,
        event.unless,
        event.id,
        event.time,
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
