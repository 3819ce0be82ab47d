"""Parses the file of JOURNEY_ALERTS: receivers, rules of stage alerts, feeds of stages; a mistake names table and key."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from streams.alerts.delivery.receivers import Receiver
from streams.alerts.feed_receivers import FeedReceiver
from streams.alerts.rule_config import Declared, RuleEntry
from streams.clock import is_zone
from streams.settings import SettingsError
from streams.text import toml_tables
from streams.text.encodings import text_of

__all__ = ["AlertFile", "Secrets", "parse", "read"]

Secrets = Callable[[str], str]
"""Returns the value of an environment variable, "" where there is none."""
_TABLES = ("receiver", "rule", "feed")
Entry = TypeVar("Entry", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class AlertFile:
    """The parsed file; `name` is the file's name in messages about mistakes that are found later.

    `zones` are the time zones of messages by brand, with "" for every other brand. `feeds` are receivers of changes of stage.
    """

    name: str = ""
    receivers: Sequence[Receiver] = ()
    rules: Sequence[Declared] = ()
    zones: Mapping[str, str] = field(default_factory=dict)
    feeds: Sequence[FeedReceiver] = ()


def read(path: Path, secret: Secrets) -> AlertFile:
    """Read the file: a table ``[[receiver]]``, ``[[rule]]`` or ``[[feed]]`` each.

    Raises
    ------
    SettingsError
        The file cannot be used; the message names the receiver or rule and the key.
    """
    file, mistakes = parse(path, secret)
    if mistakes:
        raise SettingsError(mistakes[0])
    return file


def parse(path: Path, secret: Secrets) -> tuple[AlertFile, list[str]]:
    """Read what can be read of the file; return that, and every mistake, a line each."""
    try:
        found = tomllib.loads(text_of(path))
    except (OSError, ValueError) as error:
        return AlertFile(), [f"JOURNEY_ALERTS: {path}: {error}"]
    mistakes: list[str] = []
    zones = _zones(path, found, mistakes)
    tables = {kind: toml_tables.tables(path, kind, found.pop(kind, []), mistakes) for kind in _TABLES}
    mistakes += [
        f"{path}: {key}: unknown; there are tables [[receiver]], [[rule]] and [[feed]]"
        for key in sorted(found)
    ]
    receivers = _filled_entries(Receiver, tables["receiver"], secret, mistakes)
    feeds = _filled_entries(FeedReceiver, tables["feed"], secret, mistakes)
    read_rules = [toml_tables.entry(RuleEntry, where, entry, mistakes) for where, entry in tables["rule"]]
    rules = [entry.declared() for entry in read_rules if entry is not None]
    taking = [receiver.name for receiver in receivers] + [feed.name for feed in feeds]
    toml_tables.distinct(path, "receiver or feed", taking, mistakes)
    names = [declared.rule.name for declared in rules]
    toml_tables.distinct(path, "rule", names, mistakes)
    if len(rules) == len(read_rules):  # else the missing one may be there, with a mistake of its own
        mistakes += [
            f"{path}: receiver {receiver.name!r}: rules: there is no rule {unknown!r}"
            for receiver in receivers
            for unknown in sorted(set(receiver.rules or ()) - set(names))
        ]
    return AlertFile(str(path), receivers, rules, zones, feeds), mistakes


def _zones(path: Path, found: dict[str, object], mistakes: list[str]) -> Mapping[str, str]:
    """Return the time zones of messages by brand, with "" for every other brand."""
    zone, zones = found.pop("zone", "UTC"), found.pop("zones", {})
    given = {"": zone} | (zones if isinstance(zones, dict) else {})
    if not isinstance(zones, dict):
        mistakes.append(f"{path}: zones: must be a table of brands and time zones")
    for brand, name in given.items():
        if not isinstance(name, str) or not is_zone(name):
            key = f"zones.{brand}" if brand else "zone"
            mistakes.append(f"{path}: {key}: {name!r} is no time zone such as Europe/Paris")
    return {brand: str(name) for brand, name in given.items()}


def _filled_entries(
    kind: type[Entry],
    tables: Sequence[tuple[str, Mapping[str, object]]],
    secret: Secrets,
    mistakes: list[str],
) -> list[Entry]:
    """Return tables as what they are, with the values of environment variables that they name."""
    found: list[Entry] = []
    for where, entry in tables:
        filled = {key: _filled(value, secret, f"{where}: {key}", mistakes) for key, value in entry.items()}
        if (one := toml_tables.entry(kind, where, filled, mistakes)) is not None:
            found.append(one)
    return found


def _filled(value: object, secret: Secrets, where: str, mistakes: list[str]) -> object:
    """Return a value with variables of the environment in the place of $NAME."""
    if isinstance(value, dict):
        return {name: _filled(one, secret, f"{where}.{name}", mistakes) for name, one in value.items()}
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if not (found := secret(value[1:])):
        mistakes.append(f"{where}: the environment has no {value[1:]}")
    return found
