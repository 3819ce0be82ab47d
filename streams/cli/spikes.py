"""Defines the commands on spikes: score a series of counts, and backtest alerts on stored history."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import floor
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.markup import escape
from rich.table import Table

from journey.alerts import Alert, AlertPolicy
from journey.spikes import THRESHOLD, Policy, Series, SeriesError
from streams.alerts.backtest import backtest as over_history
from streams.cli.options import Brand, Data, Json, UsageError, print_json, progress, say, wide
from streams.cli.shells import after_horizon, brand_of, instant, opened
from streams.clock import from_us, to_us
from streams.inputs.counts import CountsError, counts

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_DIGITS = 1_000_000


@app.command("score")
def score(
    file: Annotated[
        str, typer.Argument(metavar="COUNTS.csv", help="Rows of timestamp,value; - is standard input")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="SCORES.csv", help="File to write; else standard output")
    ] = None,
    alarms: Annotated[
        float, typer.Option("--alarms-per-month", metavar="N", help="At most so many in a quiet month")
    ] = Policy().alarms_per_month,
    bucket: Annotated[
        float | None,
        typer.Option("--bucket", metavar="SECONDS", help="Width of a bucket; else seen from the first rows"),
    ] = None,
) -> None:
    """Score every bucket of a series from 0 to 1 for the begin of a spike; alert from 0.5 on.

    The file has the columns timestamp (2026-10-17 23:55:00 or ISO 8601, UTC if no offset is given) and value, one
    row a bucket, in order; what comes out has timestamp and anomaly_score, row for row. A row's score uses nothing
    after it. The default alert threshold is 0.5, for every series: --alarms-per-month says what it means.
    A row that is left out is unknown; a bucket without events is a row with 0.
    """
    series = Series(_width(bucket), _policy(alarms))
    with _input(file) as source, _output(out) as sink:
        sink.write("timestamp,anomaly_score\n")
        found = _score(source, sink, series)
    print(
        f"{found} alarms. Alert threshold: {THRESHOLD} (at most {alarms:g} alarms in a quiet month)",
        file=sys.stderr,
    )


@app.command("backtest")
def backtest(  # noqa: PLR0913, PLR0917 - options
    brand: Brand,
    since: Annotated[str, typer.Option("--from", metavar="T", help="First minute, RFC 3339")],
    until: Annotated[
        str | None, typer.Option("--to", metavar="T", help="End; else now", show_default=False)
    ] = None,
    alarms: Annotated[
        float,
        typer.Option("--alarms-per-month", metavar="N", help="At most so many false alerts in a quiet month"),
    ] = AlertPolicy().alarms_per_month,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """List the alerts that would have been raised on stored history: the same code as the watcher's."""
    policy = AlertPolicy(alarms_per_month=_policy(alarms).alarms_per_month)
    with opened(data) as shell:
        first, end = to_us(instant(since, shell, "--from")), to_us(instant(until, shell, "--to"))
        if first >= end:
            raise UsageError(f"--from {since}: must be before --to, which is {from_us(end).isoformat()}")
        brand = brand_of(shell.store, brand)
        after_horizon(shell.store, from_us(first), brand, "--from")
        raised = over_history(shell.store, brand, (first, end), policy, progress("backtest")).raised
    found = [_plain(alert) for alert in raised]
    if as_json:
        print_json(found)
        return
    if found:
        table = Table(*found[0], box=None)
        for one in found:
            table.add_row(*(escape(str(value)) for value in one.values()))
        wide.print(table)
    say(f"{len(found)} alerts")


def _plain(alert: Alert) -> dict[str, str | float]:
    return {
        "since": from_us(alert.since_us).isoformat(),
        "until": from_us(alert.last_hot_us).isoformat(),
        "direction": alert.direction,
        "severity": alert.severity,
        "scope": f"{alert.scope.kind} {alert.scope.value}".strip(),
        "people": alert.people,
        "expected": round(alert.expected, 2),
    }


def _score(source: TextIO, sink: TextIO, series: Series) -> int:
    found = 0
    for row in counts(source):
        try:
            reading = series.feed(row.at_us, row.value)
        except SeriesError as error:
            raise CountsError(f"line {row.line}: {error}") from error
        found += reading.alarm
        # rounded down, so that what is below the threshold stays below
        sink.write(f"{row.timestamp},{floor(reading.score * _DIGITS) / _DIGITS:.6f}\n")
    return found


def _policy(alarms: float) -> Policy:
    try:
        return Policy(alarms_per_month=alarms)
    except ValueError as error:
        raise CountsError(f"--alarms-per-month {alarms:g}: must be above 0") from error


def _width(bucket: float | None) -> timedelta | None:
    if bucket is None:
        return None
    try:
        width = timedelta(seconds=bucket)
    except (OverflowError, ValueError) as error:
        raise CountsError(f"--bucket {bucket:g}: no number of seconds") from error
    if width <= timedelta(0):
        raise CountsError(f"--bucket {bucket:g}: must be above 0 seconds")
    return width


@contextmanager
def _input(file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdin
        return
    with Path(file).open(encoding="utf-8-sig", newline="") as source:
        yield source


@contextmanager
def _output(out: Path | None) -> Iterator[TextIO]:
    """Open what scores are written to; a file appears under its name when it is whole."""
    if out is None:
        yield sys.stdout
        return
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as sink:
            yield sink
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
