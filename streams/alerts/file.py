"""The file of JOURNEY_ALERTS: who is told, and rules of stage alerts. A mistake in it names the table and the key."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from streams.alerts.delivery.receivers import Receiver
from streams.alerts.rules import Declared, RuleEntry
from streams.settings import SettingsError

__all__ = ["AlertFile", "Secrets", "read"]

Secrets = Callable[[str], str]
"""Returns the value of an environment variable, "" where there is none."""
_TABLES = ("receiver", "rule")
Entry = TypeVar("Entry", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class AlertFile:
    """What the file says; `name` is how mistakes that are found later name it."""

    name: str = ""
    receivers: Sequence[Receiver] = ()
    rules: Sequence[Declared] = ()


def read(path: Path, secret: Secrets) -> AlertFile:
    """Read the file: a table ``[[receiver]]`` or ``[[rule]]`` each.

    Raises
    ------
    SettingsError
        The file cannot be used; the message names the receiver or rule and the key.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"JOURNEY_ALERTS: {path}: {error}") from error
    tables = {kind: _tables(path, kind, found.pop(kind, [])) for kind in _TABLES}
    if found:
        raise SettingsError(f"{path}: {min(found)}: unknown; there are tables [[receiver]] and [[rule]]")
    receivers = [
        _entry(Receiver, where, {key: _filled(value, secret, where, key) for key, value in entry.items()})
        for where, entry in tables["receiver"]
    ]
    rules = [_entry(RuleEntry, where, entry).declared() for where, entry in tables["rule"]]
    _distinct(path, "receiver", [receiver.name for receiver in receivers])
    names = [declared.rule.name for declared in rules]
    _distinct(path, "rule", names)
    for receiver in receivers:
        if unknown := set(receiver.rules or ()) - set(names):
            raise SettingsError(
                f"{path}: receiver {receiver.name!r}: rules: there is no rule {min(unknown)!r}"
            )
    return AlertFile(str(path), receivers, rules)


def _tables(path: Path, kind: str, found: object) -> list[tuple[str, Mapping[str, object]]]:
    """Return the tables of a kind, each with how mistakes name it."""
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise SettingsError(f"{path}: {kind}: must be tables [[{kind}]]")
    return [(f"{path}: {kind} {entry.get('name', number)!r}", entry) for number, entry in enumerate(found, 1)]


def _entry(kind: type[Entry], where: str, entry: Mapping[str, object]) -> Entry:
    """Return a table as what it is; values are not shown, since some are secret."""
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{where}: {f'{key}: ' if key else ''}{said}") from None


def _distinct(path: Path, kind: str, names: Sequence[str]) -> None:
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"{path}: {kind}: name: {min(twice)!r} is used twice")


def _filled(value: object, secret: Secrets, where: str, key: str) -> object:
    """Return a value with variables of the environment in the place of $NAME."""
    if isinstance(value, dict):
        return {name: _filled(one, secret, where, f"{key}.{name}") for name, one in value.items()}
    if not isinstance(value, str) or not value.startswith("$"):
        return value
    if not (found := secret(value[1:])):
        raise SettingsError(f"{where}: {key}: the environment has no {value[1:]}")
    return found
