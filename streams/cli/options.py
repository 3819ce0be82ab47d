"""Defines the options that commands share, and how they print; nothing here loads the engine."""

import json
import re
import sys
from dataclasses import asdict, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journey.errors import UserError
from streams import faults
from streams.cli.terminal import SafeConsole
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.engine.shell import Tell

__all__ = [
    "At",
    "Brand",
    "Data",
    "Json",
    "OfBrand",
    "UsageError",
    "console",
    "json_line",
    "print_json",
    "progress",
    "read_settings",
    "say",
    "wide",
]

console = SafeConsole()
# For tables and trees: their lines are not cut, nor ids parted, where the terminal ends.
wide = SafeConsole(width=1_000)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Data directory; else JOURNEY_STORE, else .journey", show_default=False
    ),
]
Alerts = Annotated[
    Path | None,
    typer.Option(
        "--alerts",
        metavar="FILE",
        help="Receivers and rules of alerts; else JOURNEY_ALERTS",
        show_default=False,
    ),
]
Audiences = Annotated[
    Path | None,
    typer.Option(
        "--audiences",
        metavar="FILE",
        help="Audiences that are kept up to date; else JOURNEY_AUDIENCES",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
Brand = Annotated[str, typer.Option("--brand", metavar="B", help="The brand")]
OfBrand = Annotated[
    str | None,
    typer.Option(
        "--brand",
        metavar="B",
        help="With this brand only; else with every brand of the store",
        show_default=False,
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="T", help="As of this instant, RFC 3339 (a time without offset is UTC); else now"
    ),
]


# JSON escapes C0 itself.
_STEERING = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class UsageError(UserError, ValueError):
    """An error of a request that cannot be done as it was made; the message says what can."""


def read_settings(data: Path | None = None, alerts: Path | None = None) -> Settings:
    """Return the settings of one command; a file of alerts that is given to it wins."""
    settings = Settings.read(data)
    settings = replace(settings, alerts=alerts or settings.alerts)
    faults.arm_by(settings.fault)
    return settings


def say(text: str, style: str | None = None) -> None:
    """Print one line with markup; it is not broken where the terminal ends."""
    console.print(text, style=style, highlight=False, soft_wrap=True)


def progress(title: str, parts: str = "slices") -> "Tell":
    """Return what prints the progress of a task: a line on stderr for each of its parts, where there are several."""

    def tell(name: str, done: int, count: int) -> None:
        if count > 1:
            print(f"{title}: {name}: {done} of {count} {parts}", file=sys.stderr)

    return tell


def print_json(value: Any) -> None:
    """Print a value as one JSON document; in texts, what steers a terminal is escaped."""
    print(_escaped(json.dumps(value, default=_plain, ensure_ascii=False, indent=2)))


def json_line(value: Any) -> str:
    """Return a value as one JSON document in one line, escaped likewise."""
    return _escaped(json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":")))


def _escaped(text: str) -> str:
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    raise TypeError(f"no JSON for {type(value).__name__}")
