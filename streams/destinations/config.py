"""Parses the tables ``[[destination]]`` of the file of audiences; a mistake names destination and key."""

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from streams import environment
from streams.alerts.delivery.addresses import AddressError, checked
from streams.audiences.config import NAME
from streams.settings import SettingsError
from streams.text import toml_tables
from streams.text.encodings import text_of

__all__ = [
    "PLACE",
    "Destination",
    "FileDestination",
    "KafkaDestination",
    "S3Destination",
    "SegmentDestination",
    "parse",
    "read",
    "unread",
]

PLACE = "{audience}"
"""In a path or key, where the name of the audience stands."""

Secret = Callable[[str], str]
"""Returns the secret of ``$NAME`` or of a file; raises ValueError where there is none."""

_SECRETS = ("write_key", "access_key", "secret_key")
_FILE = "_file"
_Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
_Secret = Annotated[str, Field(repr=False, min_length=1)]
_EveryS = Annotated[int, Field(ge=10, le=86_400, strict=True)]


class _Base(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: _Name
    audiences: Annotated[tuple[_Name, ...], Field(min_length=1, max_length=100)]
    readable: bool = False
    """Whether it gets the brand's own numbers: who writes the file gives it that right."""


class _Feed(_Base):
    begin: Literal["now", "beginning"] = "beginning"
    """Where one that is new begins."""


class KafkaDestination(_Feed):
    """Who enters and leaves, as CloudEvents on a topic, keyed by brand and customer.

    Attributes
    ----------
    topic
        Name, without JOURNEY_TOPIC_PREFIX.
    servers
        host:port each; those of JOURNEY_KAFKA without.
    """

    kind: Literal["kafka"]
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
    servers: tuple[Annotated[str, Field(pattern=r"^[^:\s]+:\d+$|^\[[0-9a-f:]+\]:\d+$")], ...] = ()


class SegmentDestination(_Feed):
    """Who enters and leaves, as calls of Segment's HTTP Tracking API, which other platforms take too.

    Attributes
    ----------
    url
        Before ``/v1/batch``.
    user_id
        Kind of the readable handles that become ``userId``.
    private
        Whether http, and addresses that are not public, are allowed.
    """

    kind: Literal["segment"]
    url: Annotated[str, Field(repr=False, min_length=1)] = "https://api.segment.io"
    write_key: _Secret
    calls: Annotated[tuple[Literal["identify", "track"], ...], Field(min_length=1, max_length=2)] = (
        "identify",
        "track",
    )
    user_id: str = "user"
    private: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_url("url", self.url, private=self.private)
        return self


class _Written(_Base):
    format: Literal["csv", "parquet"] = "csv"
    every_s: _EveryS = 3_600


class FileDestination(_Written):
    """All members, as a file that is made anew; `path` is absolute, with ``{audience}`` in it where there are several."""

    kind: Literal["file"]
    path: Annotated[str, Field(min_length=2, max_length=1_000, pattern=r"^/[^\x00]*[^/\x00]$")]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_place("path", self.path, self.audiences)
        return self


class S3Destination(_Written):
    """All members, as an object that is made anew, in a store that speaks S3.

    Attributes
    ----------
    key
        Of the object, with ``{audience}`` in it where there are several.
    endpoint
        URL of a store that is not Amazon's.
    access_key, secret_key
        Without both, the credentials of the environment, of ``~/.aws`` or of the machine.
    private
        Whether http, and addresses that are not public, are allowed.
    """

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,200}$")]
    key: Annotated[str, Field(min_length=1, max_length=900, pattern=r"^[^/\x00][^\x00]*[^/\x00]$")]
    endpoint: str | None = None
    region: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    access_key: Annotated[str | None, Field(repr=False, min_length=1)] = None
    secret_key: Annotated[str | None, Field(repr=False, min_length=1)] = None
    private: bool = False

    @model_validator(mode="after")
    def _whole(self) -> Self:
        _check_place("key", self.key, self.audiences)
        if self.endpoint is not None:
            _check_url("endpoint", self.endpoint, private=self.private)
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("access_key and secret_key belong together")
        return self


Destination = KafkaDestination | SegmentDestination | FileDestination | S3Destination
_KINDS: Mapping[str, type[Destination]] = {
    "kafka": KafkaDestination, "segment": SegmentDestination, "file": FileDestination, "s3": S3Destination,
}  # fmt: skip


def _check_url(key: str, url: str, *, private: bool) -> None:
    try:
        parts, _ = checked(url, private=private)
    except AddressError as error:
        raise ValueError(f"{key}: {error}") from error
    if parts.query or parts.fragment:
        raise ValueError(f"{key}: must have no ? and no #")


def _check_place(key: str, text: str, audiences: Sequence[str]) -> None:
    if len(audiences) > 1 and PLACE not in text:
        raise ValueError(f"{key}: of several audiences, must have {PLACE} in it: each has its own")


def read(path: Path) -> Sequence[Destination]:
    """Read the destinations of a file, with their secrets.

    Raises
    ------
    SettingsError
        The file cannot be used; the message names the first mistake, with destination and key.
    """
    found, mistakes = parse(path)
    if mistakes:
        raise SettingsError(mistakes[0])
    return found


def unread(path: Path) -> Sequence[Destination]:
    """Read the destinations of a file for who only looks at them, without their secrets. Mistakes are left to who delivers."""
    return parse(path, secret=lambda _: "unread")[0]


def parse(
    path: Path, audiences: Collection[str] | None = None, secret: Secret | None = None
) -> tuple[Sequence[Destination], list[str]]:
    """Read what can be read of the destinations; return that, and every mistake, a line each.

    Parameters
    ----------
    audiences
        Names of those that there are; None for those of the file, also where something else is wrong with one.
    """
    try:
        tables = tomllib.loads(text_of(path))
    except (OSError, ValueError) as error:
        return [], [f"JOURNEY_AUDIENCES: {path}: {error}"]
    mistakes: list[str] = []
    read_all = [
        _destination(where, entry, secret or _secret, mistakes)
        for where, entry in toml_tables.tables(path, "destination", tables.get("destination", []), mistakes)
    ]
    destinations = [one for one in read_all if one is not None]
    toml_tables.distinct(path, "destination", [one.name for one in destinations], mistakes)
    if audiences is None:
        there = toml_tables.tables(path, "audience", tables.get("audience", []), [])
        audiences = [str(entry.get("name")) for _, entry in there]
    for one in destinations:
        where = f"{path}: destination {one.name!r}: audiences"
        mistakes += [
            f"{where}: there is no audience {name!r}" for name in one.audiences if name not in audiences
        ]
        if len(set(one.audiences)) < len(one.audiences):
            mistakes.append(f"{where}: one is named twice")
    paths = [one.path for one in destinations if isinstance(one, FileDestination)]
    mistakes += [f"{path}: destination: path: {each} is used twice" for each in _twice(paths)]
    return destinations, mistakes


def _twice(texts: Sequence[str]) -> Sequence[str]:
    return sorted({text for text in texts if texts.count(text) > 1})


def _destination(
    where: str, entry: Mapping[str, object], secret: Secret, mistakes: list[str]
) -> Destination | None:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        mistakes.append(f"{where}: kind: must be one of {', '.join(_KINDS)}")
        return None
    model: Any = _KINDS[kind]
    filled, wrong = _filled(where, entry, model, secret)
    if wrong:
        mistakes += wrong
        return None
    found: Destination | None = toml_tables.entry(model, where, filled, mistakes, lambda _: _keys(model))
    return found


def _keys(model: type[BaseModel]) -> list[str]:
    return [
        key for name in model.model_fields for key in ((name, name + _FILE) if name in _SECRETS else (name,))
    ]


def _filled(
    where: str, entry: Mapping[str, object], model: type[BaseModel], secret: Secret
) -> tuple[dict[str, object], list[str]]:
    """Return a table with its secrets, and mistakes. A secret is never in the file itself, which people show each other."""
    filled, wrong = dict(entry), []
    for key in (key for key in _SECRETS if key in model.model_fields):
        given, file = filled.get(key), filled.pop(key + _FILE, None)
        if given is not None and file is not None:
            wrong.append(f"{where}: {key}: {key}{_FILE} is given too")
        elif given is not None and not (isinstance(given, str) and given.startswith("$") and len(given) > 1):
            wrong.append(
                f"{where}: {key}: must be $NAME, an environment variable; or {key}{_FILE} names a file"
            )
        elif (source := file if given is None else given) is not None:
            try:
                filled[key] = secret(str(source))
            except ValueError as error:
                wrong.append(f"{where}: {key if file is None else key + _FILE}: {error}")
    return filled, wrong


def _secret(source: str) -> str:
    if source.startswith("$"):
        if not (found := environment.text(source[1:])):
            raise ValueError(f"the environment has no {source[1:]}")
        return found
    try:
        found = Path(source).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(str(error)) from error
    if not found or len(found.split()) > 1 or not found.isprintable():
        raise ValueError(f"{source}: must have one word in it")
    return found
