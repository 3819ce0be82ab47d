"""A read-only connection of its own to the engine in this process, in a thread of its own."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from streams.queries.guard import RefusedError, allow, bare, has_format
from streams.store import ClickHouse

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
    """An answer: its bytes, the format that they are in, and how long it took."""

    body: bytes
    format: str
    elapsed_ns: int


class Reader:
    """Runs what the guard lets pass, one query after the other, within limits of time, memory and size.

    Parameters
    ----------
    dsn
        ``chdb:///folder`` that this process has open already. The engine serves both connections at once: a query
        that takes long does not hold up inserts.

    Attributes
    ----------
    version, timezone
        Of the engine.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="queries")
        self._waiting = 0
        self._store = self._thread.submit(self._opened).result()
        about = self._thread.submit(self._ask, "SELECT version(), timezone()").result()
        self.version, self.timezone = about.split("\t")
        self._table_functions = frozenset(
            self._thread.submit(self._ask, "SELECT lower(name) FROM system.table_functions").result().split()
        )

    def _opened(self) -> ClickHouse:
        store = ClickHouse(self._dsn)
        store.read_only(_LIMITS)
        return store

    def _ask(self, sql: str, parameters: Mapping[str, str] | None = None) -> str:
        return self._store.raw(sql, "TSVRaw", parameters).decode().removesuffix("\n")

    async def run(self, sql: str, parameters: Mapping[str, str], fmt: str) -> Found:
        """Run a statement; its answer is in the format that it names itself, else in this one.

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
            body = self._store.raw(statement, None if own else fmt, bound)
        except RefusedError:
            raise
        except Exception:
            # What a query that failed halfway has left would come with the next answer (chDB 26.9).
            self._store.close()
            self._store = self._opened()
            raise
        return Found(body, own or fmt, time.perf_counter_ns() - began)

    def _allowed(self, sql: str, parameters: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
        """Return one statement as ClickHouse formats it, the format that it asks for, and the parameters it names.

        A parameter that it does not name must not get any further: with those alone, ClickHouse's client would put
        them into the text, for `%(name)s`, after it was looked at.
        """
        if "\0" in sql:
            raise RefusedError("a statement has no NUL")
        statement = self._ask("SELECT formatQuerySingleLine({sql:String})", {"sql": sql})
        plain = bare(statement)
        bound = {name: value for name, value in parameters.items() if f"{{{name}:" in plain}
        syntax = self._ask(f"EXPLAIN AST {statement}", bound)
        allow(plain, syntax, database=self._store.database, table_functions=self._table_functions)
        return statement, has_format(plain), bound

    def close(self) -> None:
        """Close the connection, once what runs has ended."""
        self._thread.submit(self._store.close).result()
        self._thread.shutdown()
