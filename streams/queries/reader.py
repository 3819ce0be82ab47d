"""A read-only connection of its own to the engine in this process, in a thread of its own."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import chdb

from streams.queries.guard import RefusedError, allow, bare, has_format
from streams.store import DATABASE, QueryError

__all__ = ["BusyReaderError", "Found", "Reader"]

_WAITING = 16  # queries, the one that runs among them
_LIMITS = {
    "max_execution_time": 30,
    "max_memory_usage": 1_000_000_000,
    "max_result_bytes": 64_000_000,
    "max_result_rows": 1_000_000,
    "max_threads": 2,
    "max_query_size": 262_144,
    "max_ast_elements": 50_000,
}


class BusyReaderError(RuntimeError):
    """Too many queries wait."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: its bytes, the format that they are in, how many rows they are, and how long it took."""

    body: bytes
    format: str
    rows: int
    elapsed_ns: int


class Reader:
    """Runs what the guard lets pass, one query after the other, within limits of time, memory and size.

    Parameters
    ----------
    folder
        Of the engine's data, which this process has open already. The engine serves both connections at once: a query
        that takes long does not hold up inserts.

    Attributes
    ----------
    version, timezone
        Of the engine.
    """

    def __init__(self, folder: Path) -> None:
        self._path = str(folder.resolve())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queries")
        self._waiting = 0
        self._connection = self._thread.submit(self._opened).result()
        about = self._thread.submit(self._ask, "SELECT version(), timezone()").result()
        self.version, self.timezone = about.split("\t")
        self._table_functions = frozenset(
            self._thread.submit(self._ask, "SELECT lower(name) FROM system.table_functions").result().split()
        )

    def _opened(self) -> Any:
        connect: Any = chdb.connect  # it has no types
        connection = connect(self._path)
        for name, value in (_LIMITS | {"readonly": 1}).items():
            connection.query(f"SET {name} = {value}")
        connection.query(f"USE {DATABASE}")
        return connection

    def _query(self, sql: str, fmt: str, parameters: Mapping[str, str]) -> Any:
        try:
            return self._connection.query(sql, fmt, params=dict(parameters))
        except Exception as error:
            raise QueryError(str(error)) from error

    def _ask(self, sql: str, parameters: Mapping[str, str] | None = None) -> str:
        data = self._query(sql, "TSVRaw", parameters or {}).bytes() or b""
        return str(data.decode().removesuffix("\n"))

    async def run(self, sql: str, parameters: Mapping[str, str], fmt: str) -> Found:
        r"""Run a statement; its answer is in the format that it names itself, else in this one.

        Values of parameters are escaped as in ClickHouse's HTTP protocol: a tab is ``\t``.

        Raises
        ------
        RefusedError
            It is not for readers.
        QueryError
            ClickHouse refused it.
        BusyReaderError
            Too many wait already.
        """
        if self._waiting >= _WAITING:
            raise BusyReaderError(f"{_WAITING} queries are under way: try again")
        self._waiting += 1
        try:
            return await asyncio.wrap_future(self._thread.submit(self._run, sql, parameters, fmt))
        finally:
            self._waiting -= 1

    def _run(self, sql: str, parameters: Mapping[str, str], fmt: str) -> Found:
        began = time.perf_counter_ns()
        try:
            statement, own, bound = self._allowed(sql, parameters)
            answer = self._query(statement, own or fmt, bound)
        except QueryError:
            # What a query that failed halfway has left would come with the next answer (chDB 26.9).
            self._connection.close()
            self._connection = self._opened()
            raise
        body = answer.bytes() or b""
        return Found(body, own or fmt, answer.rows_read(), time.perf_counter_ns() - began)

    def _allowed(self, sql: str, parameters: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
        """Return one statement as ClickHouse formats it, the format that it asks for, and the parameters it names."""
        if "\0" in sql:
            raise RefusedError("a statement has no NUL")
        statement = self._ask("SELECT formatQuerySingleLine({sql:String})", {"sql": _escaped(sql)})
        plain = bare(statement)
        bound = {name: value for name, value in parameters.items() if f"{{{name}:" in plain}
        syntax = self._ask(f"EXPLAIN AST {statement}", bound)
        allow(plain, syntax, database=DATABASE, table_functions=self._table_functions)
        return statement, has_format(plain), bound

    def close(self) -> None:
        """Close the connection, once what runs has ended."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()


def _escaped(text: str) -> str:
    """Return a text as ClickHouse reads the value of a parameter. Those of clients come so already."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
