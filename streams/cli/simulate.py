"""Defines the command simulate, which makes events up."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import UsageError, say
from streams.inputs.simulate import simulate as simulated
from streams.inputs.simulate import write

__all__ = ["simulate"]


def simulate(
    customers: Annotated[int, typer.Option("--customers", metavar="N", min=1, help="People")],
    days: Annotated[int, typer.Option("--days", metavar="D", min=1, help="Days of history")],
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same events")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F", help="File to write; else standard output")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="DATE", help="First day; else so that the last day is yesterday"),
    ] = None,
) -> None:
    """Write events of all channels, with identities that surface late, duplicates and late arrivals."""
    first = _first_day(start, days)
    events = simulated(customers=customers, days=days, seed=seed, start=first)
    if out is None:
        write(events, sys.stdout.buffer)
        return
    with out.open("wb") as file:
        count = write(events, file)
    say(f"{count:,} events of {customers:,} people from {first:%Y-%m-%d} on in {out}")


def _first_day(text: str | None, days: int) -> datetime:
    if text is None:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=days)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError(f"--start {text}: not a date such as 2026-10-01") from error
