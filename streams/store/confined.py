"""Confines the engine in this process: no statement reaches files, other hosts or programs.

Three barriers are independent of any judgement of a statement. The user that every connection is has no grant on a
source, so table functions, table engines and dictionaries of files and hosts are refused (`confined.xml`). The
function `file`, of which ClickHouse asks no grant outside a server, is replaced. And a text that the engine does not
itself parse as one statement that only reads is not run on a reader's connection: INTO OUTFILE is written by the
client, which has no grants.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from streams.store.sql import literal

__all__ = ["Confined", "NotReadOnlyError", "engine_options"]

_CONFIGURATION = Path(__file__).with_name("confined.xml")
_READS = "READ_ONLY"
_lock = Lock()


class NotReadOnlyError(ValueError):
    """An error of a text that the engine does not parse as one statement that only reads."""


def engine_options() -> dict[str, str]:
    """Return the options with which a process opens the engine first, and take the function `file` away from it.

    A later connection to the open engine needs none.

    Raises
    ------
    ImportError
        The engine is not installed.
    """
    with _lock:
        _take_file_function()
    return {"config-file": str(_CONFIGURATION)}


@cache  # it stays for the process, and cannot be replaced twice
def _take_file_function() -> None:
    import chdb  # noqa: PLC0415 - half a gigabyte, and not installed where there is a server

    engine: Any = chdb  # it has no types
    engine.create_function("file", _nothing, [], "String")


def _nothing() -> str:
    """Replace the function `file`. It has no argument, so a statement that gives a path gets an error."""
    return ""


class Confined:
    """A read-only connection of its own to the engine that this process has open.

    Parameters
    ----------
    folder
        Of the engine's data.
    database
        Where names without one are looked up.
    settings
        Of every query; they cannot be changed afterwards.
    """

    def __init__(self, folder: Path, database: str, settings: Mapping[str, Any]) -> None:
        import chdb  # noqa: PLC0415 - see above

        connect: Any = chdb.connect
        self._connection = connect(str(folder.resolve()))
        try:
            pairs = (f"{name} = {literal(str(value), 'String')}" for name, value in settings.items())
            self._connection.query(f"SET {', '.join(pairs)}")
            self._connection.query(f"USE {database}")
            self._connection.query("SET readonly = 1")
        except BaseException:
            self._connection.close()
            raise

    def query(self, sql: str, fmt: str, parameters: Mapping[str, str]) -> Any:
        """Run one statement; the result is chDB's.

        Raises
        ------
        NotReadOnlyError
            It would do more than read, such as write a file.
        Exception
            ClickHouse refused it.
        """
        report = self._connection._conn.classify_query(sql)  # noqa: SLF001 - as chDB's own `durable` does
        if report["query_class"].name != _READS or report["statement_count"] != 1:
            raise NotReadOnlyError(
                "the engine takes this for something else than one statement that only reads"
            )
        return self._connection.query(sql, fmt, params=dict(parameters))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
