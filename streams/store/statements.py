"""Runs the owner's statements for another process: on a connection of its own, with answers in pieces of bounded size."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from streams.faults import kill_point
from streams.store.calls import MARK
from streams.store.port import TABLES
from streams.store.sql import literal
from streams.text.printable import message_of

__all__ = ["MEMORY_BYTES", "Statements"]

MEMORY_BYTES = 4 * 2**30  # that one statement may take, unless it says otherwise itself
_PIECE_BYTES = 2**20
_FORMAT = re.compile(r"\n\s*FORMAT\s+\w+\s*$", re.IGNORECASE)
_SYNTAX = "SYNTAX_ERROR"
_STATE = re.compile(
    rf"\b({'|'.join((*TABLES, 'models', 'model_stages', 'model_weights', 'erased_handles'))})\b"
)


class Statements:
    """A connection to the engine in this process for statements that read and write.

    An answer is never whole in memory: it comes through a file that is deleted at once.

    Parameters
    ----------
    folder
        Of the engine's data.
    mark
        By which statements are ended; see `streams.store.cancellation`.
    database
        Where names without one are looked up.
    threads
        That a statement may take.
    """

    def __init__(self, folder: Path, mark: str, database: str, threads: int) -> None:
        import chdb  # noqa: PLC0415 - half a gigabyte, and not installed where there is a server

        connect: Any = chdb.connect  # it has no types
        self._connection = connect(str(folder.resolve()))
        try:
            self._connection.query(
                f"SET {MARK} = {literal(mark, 'String')}, max_threads = {threads:d}, max_memory_usage = {MEMORY_BYTES:d}"
            )
            self._connection.query(f"USE {database}")
        except BaseException:
            self._connection.close()
            raise

    def is_reading(self, sql: str) -> bool:
        """Return whether a statement only reads."""
        return self._class_of(sql) == "READ_ONLY"

    def changes_state(self, sql: str) -> bool:
        """Return whether a statement writes and names a table of which the engine has a state in memory."""
        return self._class_of(sql) in {"MUTATING", "SEVERAL"} and _STATE.search(sql) is not None

    def _class_of(self, sql: str) -> str:
        report = self._connection._conn.classify_query(sql)  # noqa: SLF001 - as chDB's own `durable` does
        return str(report["query_class"].name) if report["statement_count"] <= 1 else "SEVERAL"

    def answer(
        self, sql: str, fmt: str, parameters: Mapping[str, str], spool: Path, *, is_reading: bool
    ) -> Iterator[bytes]:
        """Run a statement and yield its answer.

        Parameters
        ----------
        spool
            A file that does not exist, which an answer may pass through.

        Raises
        ------
        Exception
            ClickHouse refused it; the message is its own.
        """
        if not is_reading:
            with kill_point("beside.statement"):
                done = self._asked(sql, fmt, parameters)
            yield from _pieces(done)
            return
        found = _FORMAT.search(sql)
        if found is None:
            yield from _pieces(self._asked(sql, fmt, parameters))
        else:
            yield from self._through(spool, sql, found.start(), fmt, parameters)

    def _asked(self, sql: str, fmt: str, parameters: Mapping[str, str]) -> bytes:
        try:
            return self._connection.query(sql, fmt, params=dict(parameters)).bytes() or b""
        except UnicodeDecodeError as error:
            raise RuntimeError(message_of(error)) from error

    def _through(
        self, spool: Path, sql: str, end: int, fmt: str, parameters: Mapping[str, str]
    ) -> Iterator[bytes]:
        into = f"{sql[:end]}\nINTO OUTFILE {literal(str(spool), 'String')}{sql[end:]}"
        try:
            self._asked(into, fmt, parameters)
        except Exception as error:
            spool.unlink(missing_ok=True)
            if _SYNTAX not in str(error):
                raise
            # It says itself where its answer goes, or how it is written; or it is wrong, and is told so as it is.
            yield from _pieces(self._asked(sql, fmt, parameters))
            return
        with spool.open("rb") as file:
            spool.unlink()
            while piece := file.read(_PIECE_BYTES):
                yield piece

    def close(self) -> None:
        """Close the connection."""
        with suppress(Exception):
            self._connection.close()


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE_BYTES):
        yield data[start : start + _PIECE_BYTES]
