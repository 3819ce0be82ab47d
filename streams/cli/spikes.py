"""Commands on spikes: score a series of counts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import floor
from pathlib import Path
from typing import Annotated, TextIO

import typer

from journey.spikes import THRESHOLD, Policy, Series, SeriesError
from streams.counts import CountsError, counts

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

_DIGITS = 1_000_000


@app.callback()
def _group() -> None:
    """Keep `score` a command of its own, though it is the only one."""


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
    after it. The default alert threshold is 0.5, for every series: --alarms-per-month says what it stands for.
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
