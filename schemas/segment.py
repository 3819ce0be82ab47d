"""Parses the mapping of Segment's calls (TOML) and reports each mistake with its key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from schemas.currency import CURRENCIES
from schemas.toml_errors import parsed

__all__ = ["MappingError", "Path", "SegmentMapping", "default_mapping", "parse_mapping", "snake"]

Path = tuple[str, ...]  # of keys, from the call inwards

_AREA = r"^[a-z][a-z0-9_]*$"
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")
_LONGEST = 59  # characters of a verb, so that area and verb fit into a type


class MappingError(ValueError):
    """An error in a mapping; the message names each key, its value and what is allowed."""


def snake(name: str) -> str:
    """Return a name as the verb of an event type, "" where nothing is left of it.

    >>> snake("Order Completed"), snake("productViewed"), snake("2nd-visit!")
    ('order_completed', 'product_viewed', 'n2_nd_visit')
    """
    words = "_".join(_WORDS.findall(name)).lower()
    verb = re.sub(r"[^a-z0-9_]", "", words.encode("ascii", "ignore").decode())[:_LONGEST].strip("_")
    return f"n{verb}" if verb[:1].isdigit() else verb


def _is_path(text: str) -> str:
    if not all(text.split(".")):
        raise ValueError("a path is keys with a dot between them, such as properties.order_id")
    return text


def _is_currency(text: str) -> str:
    if text and text not in CURRENCIES:
        raise ValueError("not a currency of ISO 4217, nor empty")
    return text


Paths = list[Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_is_path)]]
Area = Annotated[str, StringConstraints(pattern=_AREA, max_length=32)]
Type = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=64)]
AnyType = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*$", max_length=64)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Calls(_Table):
    page: Type
    screen: Type
    group: Type


class _Libraries(_Table):
    mobile: list[Word] = []


class _Handles(_Table):
    user: Paths = []
    email: Paths = []
    phone: Paths = []
    loyalty: Paths = []
    social: Paths = []
    cookie: Paths = []
    device: Paths = []


class _Fields(_Table):
    content: Paths = []
    product: Paths = []
    place: Paths = []
    campaign: Paths = []
    device: Paths = []
    amount: Paths = []
    currency: Paths = []
    rating: Paths = []
    text: Paths = []
    language: Paths = []
    cause: Paths = []


class _EventsAbout(_Table):
    product: Paths = []


class _Defaults(_Table):
    currency: Annotated[str, AfterValidator(_is_currency)] = ""


class _Personal(_Table):
    keys: list[Word] = []


class _File(_Table):
    version: Literal[1]
    calls: _Calls
    events: dict[Word, AnyType] = {}
    areas: Annotated[dict[Word, Area], Field(min_length=1)]
    libraries: _Libraries = _Libraries()
    handles: _Handles = _Handles()
    fields: _Fields = _Fields()
    events_about: _EventsAbout = _EventsAbout()
    defaults: _Defaults = _Defaults()
    keep: dict[Word, Paths] = {}
    personal: _Personal = _Personal()


@dataclass(frozen=True, slots=True)
class SegmentMapping:
    """A parsed mapping: paths are split, names of track events are in snake case.

    `personal` are keys that are never kept, those of texts among them. `product_of_event` are paths of a product in track events whose name says that they are about one.
    """

    calls: Mapping[str, str]
    events: Mapping[str, str]
    areas: Mapping[str, str]
    mobile: tuple[str, ...]
    handles: Mapping[str, tuple[Path, ...]]
    fields: Mapping[str, tuple[Path, ...]]
    product_of_event: tuple[Path, ...]
    currency: str
    keep: Mapping[str, tuple[Path, ...]]
    personal: frozenset[str]


def parse_mapping(text: str, *, name: str = "mapping") -> SegmentMapping:
    """Read a mapping file, TOML as `schemas/segment.toml` documents it.

    Raises
    ------
    MappingError
        Not TOML, or a key is missing, unknown or out of range; every such key is named.
    """
    file = parsed(_File, text, name=name, mistake=MappingError)
    return SegmentMapping(
        calls=file.calls.model_dump(),
        events={snake(event): kind for event, kind in file.events.items()},
        areas={channel.lower(): area for channel, area in file.areas.items()},
        mobile=tuple(word.lower() for word in file.libraries.mobile),
        handles=_split(file.handles.model_dump()),
        fields=_split(file.fields.model_dump()),
        product_of_event=_split(file.events_about.model_dump()).get("product", ()),
        currency=file.defaults.currency,
        keep=_split(file.keep),
        personal=frozenset(snake(key) for key in (*file.personal.keys, *_names(file.fields.text))),
    )


def _names(paths: list[str]) -> list[str]:
    """Return under which keys these are: what people wrote is kept nowhere."""
    return [path.rpartition(".")[2] for path in paths]


def _split(paths: Mapping[str, list[str]]) -> dict[str, tuple[Path, ...]]:
    return {name: tuple(tuple(path.split(".")) for path in given) for name, given in paths.items() if given}


def default_mapping() -> SegmentMapping:
    """Return the bundled mapping."""
    text = files("schemas").joinpath("segment.toml").read_text(encoding="utf-8")
    return parse_mapping(text, name="schemas/segment.toml")
