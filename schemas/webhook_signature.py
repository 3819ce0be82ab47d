"""Parses how a webhook is signed: a scheme by its name, or one that the mapping describes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = ["DESCRIBED", "SCHEMES", "SignatureForm", "SignatureTable"]

DESCRIBED = ("hmac", "ecdsa")
SCHEMES = ("standard", "shopify", "square", "zendesk", "intercom", "lightspeed", *DESCRIBED, "none")
_PARTS = ("body", "time", "url", "method", "form")
_PART = re.compile(r"\{(\w*)\}")
_DAY_S = 86_400

Header = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """How a provider signs.

    Attributes
    ----------
    header, field, prefix, encoding
        Where the signature is: in this header, whole or behind `field=` in a list with commas, after a prefix, in hex or base64.
    hash
        Of HMAC: sha256 or sha1.
    over
        What is signed, in order: texts as they are, and pairs of a name of `{body}`, `{time}`, `{url}`, `{method}`, `{form}` and "".
    time, time_field
        Where the time of signing is, "" for nowhere.
    max_age_s
        How old it may be, in seconds.
    """

    scheme: str
    header: str = ""
    field: str = ""
    prefix: str = ""
    encoding: str = "hex"
    hash: str = "sha256"
    over: Sequence[tuple[str, str]] = (("body", ""),)
    time: str = ""
    time_field: str = ""
    max_age_s: int = 300


class SignatureTable(BaseModel):
    """The table `[signature]` of a mapping."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    scheme: Literal[SCHEMES]  # type: ignore[valid-type]
    header: Header | None = None
    field: Word | None = None
    prefix: Word | None = None
    encoding: Literal["hex", "base64"] | None = None
    hash: Literal["sha256", "sha1"] | None = None
    over: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    time: Header | None = None
    time_field: Word | None = None
    max_age_s: Annotated[int, Field(ge=60, le=7 * _DAY_S)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [
            name for name in type(self).model_fields if name != "scheme" and getattr(self, name) is not None
        ]
        if self.scheme not in DESCRIBED:
            if given:
                raise ValueError(f"{', '.join(given)}: only for the schemes {' and '.join(DESCRIBED)}")
            return self
        if not self.header:
            raise ValueError("say in which header the signature is")
        parts = _parts(self.over or "{body}")
        if not {"body", "form"} & {name for name, _ in parts}:
            raise ValueError("what is signed has the {body}, or the fields of its {form}")
        if bool(self.time) != ("time" in {name for name, _ in parts}):
            raise ValueError("the time of signing has a header, and is signed: {time}")
        if (self.time_field or self.max_age_s) and not self.time:
            raise ValueError("time_field and max_age_s are of a time: say in which header it is")
        return self

    def form(self) -> SignatureForm:
        """Return it with what is not given filled in."""
        given: dict[str, Any] = {name: value for name, value in self if value is not None and name != "over"}
        return SignatureForm(**given, over=_parts(self.over or "{body}"))


def _parts(over: str) -> tuple[tuple[str, str], ...]:
    """Return what is signed as pairs of a name and "", or of "" and a text.

    >>> _parts("v0:{time}")
    (('', 'v0:'), ('time', ''))
    """
    pieces = _PART.split(over)
    unknown = sorted(set(pieces[1::2]) - set(_PARTS))
    if unknown:
        raise ValueError(f"{{{unknown[0]}}}: known are {', '.join(f'{{{name}}}' for name in _PARTS)}")
    pairs = [("", piece) if place % 2 == 0 else (piece, "") for place, piece in enumerate(pieces)]
    return tuple(pair for pair in pairs if any(pair))
