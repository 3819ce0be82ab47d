"""Options that commands share, and opening the data directory or server that they name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from streams import faults
from streams.clock import from_us
from streams.embedded import Embedded
from streams.server import Server, Shell
from streams.settings import Settings

__all__ = [
    "At",
    "Brand",
    "Data",
    "Json",
    "UsageError",
    "console",
    "instant",
    "opened",
    "print_json",
    "read_settings",
    "say",
    "wide",
]

console = Console()
# For tables and trees: their lines are not cut, nor ids parted, where the terminal ends.
wide = Console(width=1_000)

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
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs")]
Brand = Annotated[str, typer.Option("--brand", metavar="B", help="The brand")]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="T", help="As of this instant, RFC 3339 (a time without offset is UTC); else now"
    ),
]


class UsageError(ValueError):
    """What was asked for cannot be done as it was asked; the message says what can."""


def read_settings(data: Path | None = None, alerts: Path | None = None) -> Settings:
    """Return the settings of one command; a file of alerts that is given to it wins."""
    settings = Settings.read(data)
    settings = replace(settings, alerts=alerts or settings.alerts)
    faults.arm_by(settings.fault)
    return settings


@contextmanager
def opened(data: Path | None, alerts: Path | None = None) -> Iterator[Shell]:
    """Open the data directory, or the server of JOURNEY_STORE, for one command."""
    settings = read_settings(data, alerts)
    with Server(settings) if settings.store else Embedded(settings) as shell:
        yield shell


def instant(text: str | None, shell: Shell) -> datetime:
    """Return the instant that --at names, or now."""
    if text is None:
        return from_us(shell.clock())
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--at {text}: not a time such as 2026-10-17T23:59:00+02:00") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def say(text: str, style: str | None = None) -> None:
    """Print one line with markup; it is not broken where the terminal ends."""
    console.print(text, style=style, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    print(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


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
