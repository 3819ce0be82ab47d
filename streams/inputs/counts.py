"""Parses counts per bucket from a CSV file: rows of `timestamp,value`, in order."""

import csv
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from journey.errors import UserError
from streams.clock import to_us

__all__ = ["HEADER", "Count", "CountsError", "counts"]

HEADER = ("timestamp", "value")
_LONGEST = 100  # characters of a row that a message shows


class CountsError(UserError, ValueError):
    """An error of a row that is no count of a bucket; the message names its line."""


class Count(NamedTuple):
    """A row: its line in the file, the timestamp as it is written there, the same in microseconds, the count."""

    line: int
    timestamp: str
    at_us: int
    value: float


def counts(lines: Iterable[str]) -> Iterator[Count]:
    """Yield the rows; a time without offset is UTC. Raises CountsError at the first that is none."""
    reader = csv.reader(lines)
    try:
        head = next(reader, None)
        if head is None or tuple(head) != HEADER:
            raise CountsError(f"line 1: must be {','.join(HEADER)}{_shown(head)}")
        for row in reader:
            if row:
                yield _count(reader.line_num, row)
    except csv.Error as error:
        raise CountsError(f"line {reader.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        raise CountsError(f"line {reader.line_num + 1}: not UTF-8") from error


def _count(line: int, row: list[str]) -> Count:
    if len(row) != len(HEADER):
        raise CountsError(f"line {line}: must have {len(HEADER)} fields{_shown(row)}")
    text, value = row
    try:
        at = datetime.fromisoformat(text)
        at_us = to_us(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise CountsError(
            f"line {line}: {text[:_LONGEST]!r} is no time such as 2026-10-17 23:55:00"
        ) from error
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise CountsError(f"line {line}: {value[:_LONGEST]!r} is no count, a number from 0 on")
    return Count(line, text, at_us, number)


def _shown(row: list[str] | None) -> str:
    return "; the file is empty" if row is None else f", not {','.join(row)[:_LONGEST]!r}"
