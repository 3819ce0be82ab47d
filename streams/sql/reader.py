"""Runs read-only queries on the engine in this process: one connection for each query, on a pool of threads."""

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import current_thread
from typing import Any

from streams.read_only.judge import RefusedError
from streams.read_only.statement import Statement, reach, read
from streams.sql.reader_settings import FILTERS, LIMITS, UNIONS, chosen, is_for_readers, may_be_sent
from streams.store.calls import MARK, Limits, OverloadedError, QueryThread, StuckError
from streams.store.cancellation import EngineEnding
from streams.store.clickhouse import DATABASE, QueryError
from streams.store.confined import Confined, NotReadOnlyError
from streams.store.pool import Pool
from streams.store.sql import literal
from streams.text.printable import message_of

__all__ = ["OverloadedError", "QueryResult", "Reader", "StuckError"]

_POOL = Limits(threads=3, spare=9, waiting=16, run_s=LIMITS["max_execution_time"], more=9)
_FULL = 6  # threads whose queries have the whole limits, 6 GB in all; those that come while so many are there have less
_LESS_BYTES = 250_000_000
_MEMORY = "max_memory_usage"
_EXCEEDED = "Code: 241."  # ClickHouse's MEMORY_LIMIT_EXCEEDED
_PARSING = {"max_parser_backtracks": 50_000}  # 0.2 s; a hundred CASE or INTERVAL take a few thousand
_BEGINNING = 60  # characters of a statement that /health may show
_LESS_MEMORY = (
    f"more than {_FULL} queries run, and this one needs more memory than is left: try again in a moment"
)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query: its bytes, their format, the number of rows, and the time that it took."""

    body: bytes
    format: str
    rows: int
    elapsed_ns: int


class Reader:
    """A runner of statements that were judged harmless, a few at a time, within limits of time, memory and size.

    Each has a connection of its own, on which its settings are set before it is made read-only: nothing of a query
    is left to the next. One that cannot be interrupted keeps its thread, and another takes that thread's place.

    Parameters
    ----------
    folder
        Of the engine's data, which this process has open already. The engine serves all connections at once: a query
        that takes long does not hold up inserts.
    limits
        How many run at a time, may be stuck, and wait.

    Attributes
    ----------
    version, timezone
        Of the engine.
    sent
        Names of the engine's settings that a query may come with.
    """

    def __init__(self, folder: Path, limits: Limits = _POOL) -> None:
        self._folder = folder
        self._pool = Pool("queries", "the SQL endpoint", limits, EngineEnding(folder))
        with closing(self._opened({})) as connection:
            ask = partial(_ask, connection)
            ((self.version, self.timezone),) = ask("SELECT version(), timezone()", {})
            settings = [name for (name,) in ask("SELECT name FROM system.settings", {})]
            self._reach = replace(reach(ask, DATABASE), settings=_in_statements(settings))
        self.sent = [name for name in settings if may_be_sent(name)]

    def _opened(self, settings: Mapping[str, str]) -> Confined:
        given: dict[str, Any] = {**LIMITS, **_PARSING, MARK: current_thread().name}
        if _has_less():
            given["max_threads"] = 1
        given |= settings
        if _has_less() and float(given[_MEMORY]) > _LESS_BYTES:
            given[_MEMORY] = _LESS_BYTES
        try:
            return Confined(self._folder, DATABASE, given)
        except Exception as error:  # a setting with a value that it does not take
            raise QueryError(message_of(error)) from error

    async def run(
        self,
        sql: str,
        parameters: Mapping[str, str],
        fmt: str,
        settings: Mapping[str, str] | None = None,
    ) -> QueryResult:
        r"""Run a statement; its answer is in the format that it names itself, else in this one.

        Values of parameters are escaped as in ClickHouse's HTTP protocol: a tab is ``\t``. Who stops waiting has it
        ended.

        Parameters
        ----------
        settings
            Of this query, as `reader_settings.chosen` let them pass.

        Raises
        ------
        RefusedError
            It is not for readers.
        QueryError
            ClickHouse refused it.
        OverloadedError
            Too many are under way already.
        StuckError
            It did not end in its time, nor when it was ordered to.
        """
        settings = settings or {}
        run_s = float(settings.get("max_execution_time", LIMITS["max_execution_time"]))
        return await self._pool.run(lambda: self._run(sql, parameters, fmt, settings), _about(sql), run_s)

    def _run(
        self, sql: str, parameters: Mapping[str, str], fmt: str, settings: Mapping[str, str]
    ) -> QueryResult:
        began = time.perf_counter_ns()
        parsed = {name: value for name, value in settings.items() if name in UNIONS}
        with closing(
            self._opened(parsed)
        ) as judging:  # no other setting may change what the query is judged by
            statement = self._allowed(judging, sql)
            settings = {name: self._judged(judging, name, value) for name, value in settings.items()}
        own = statement.judged
        if _has_less() and float(own.settings.get(_MEMORY, 0)) > _LESS_BYTES:
            raise OverloadedError(_LESS_MEMORY)
        bound = {name: value for name, value in parameters.items() if name in own.parameters}
        with closing(self._opened({**settings, **chosen(own.settings)})) as connection:
            answer = self._answered(connection, statement.text, own.format or fmt, bound)
            body = answer.bytes() or b""
            return QueryResult(body, own.format or fmt, answer.rows_read(), time.perf_counter_ns() - began)

    @staticmethod
    def _answered(connection: Confined, sql: str, fmt: str, parameters: Mapping[str, str]) -> Any:
        try:
            return _query(connection, sql, fmt, parameters)
        except QueryError as error:
            if _has_less() and str(error).startswith(_EXCEEDED):
                raise OverloadedError(_LESS_MEMORY) from error
            raise

    def _allowed(self, connection: Confined, sql: str) -> Statement:
        return read(partial(_ask, connection), sql, self._reach)

    def _judged(self, connection: Confined, name: str, value: str) -> str:
        """Return the value of a setting; where it has expressions, they were judged as those of a statement."""
        if name not in FILTERS:
            return value
        if name == "additional_result_filter":
            self._allowed(connection, f"SELECT 1 WHERE (\n{value}\n)")
            return value
        answer = _query(
            connection, "SELECT {filters:Map(String, String)}", "JSONCompactEachRow", {"filters": value}
        )
        filters = json.loads(answer.bytes())[0]
        for expression in filters.values():
            self._allowed(connection, f"SELECT 1 WHERE (\n{expression}\n)")
        pairs = (f"{literal(key, 'String')}: {literal(each, 'String')}" for key, each in filters.items())
        return f"{{{', '.join(pairs)}}}"

    def end(self) -> None:
        """Take no more queries, answer those that wait with OverloadedError, and end those that run; returns at once."""
        self._pool.end()

    def close(self) -> None:
        """End, and wait a moment for what runs."""
        self._pool.close()


def _has_less() -> bool:
    """Return whether this thread is one of those that came while `_FULL` others were there."""
    thread = current_thread()
    return isinstance(thread, QueryThread) and thread.place >= _FULL


def _in_statements(names: Iterable[str]) -> frozenset[str]:
    """Return the settings that a statement may have; those with expressions are judged with a request alone."""
    return frozenset(name for name in names if is_for_readers(name)) - FILTERS


def _query(connection: Confined, sql: str, fmt: str, parameters: Mapping[str, str]) -> Any:
    try:
        return connection.query(sql, fmt, parameters)
    except NotReadOnlyError as error:
        raise RefusedError(str(error)) from error
    except Exception as error:
        raise QueryError(message_of(error)) from error


def _ask(connection: Confined, sql: str, parameters: Mapping[str, str]) -> list[list[str]]:
    escaped = {name: _escaped(value) for name, value in parameters.items()}
    data = _query(connection, sql, "TSVRaw", escaped).bytes() or b""
    return [line.split("\t") for line in data.decode().split("\n") if line]


def _about(sql: str) -> str:
    """Return what says which statement it was: its beginning up to the first value in it, and a hash of the whole.

    >>> _about("SELECT count()  FROM journeys WHERE brand = 'x'")
    'SELECT count() FROM journeys WHERE brand = …, SHA-256 d851e8a45a1f'
    """
    beginning = " ".join(sql.partition("'")[0].split())[:_BEGINNING]
    return f"{beginning} …, SHA-256 {sha256(sql.encode()).hexdigest()[:12]}"


def _escaped(text: str) -> str:
    """Return a text as ClickHouse reads the value of a parameter. Those of clients come so already."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
