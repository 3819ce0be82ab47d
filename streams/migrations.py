"""Numbered SQL migrations, in order; the same files serve the embedded engine and a server.

What makes or changes a table is applied once, and stays as it is. A view holds nothing: where its text has changed, it is
made anew.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from streams.clustered import COMMENTS, VIEW, clustered
from streams.faults import boundary

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Migration", "MigrationError", "apply", "check", "migrations", "pending", "plan"]

_BOOK = """
CREATE TABLE IF NOT EXISTS migrations
(
    name       String                COMMENT 'File name of the migration',
    statement  UInt16                COMMENT 'Number of the statement in the file',
    checksum   String                COMMENT 'SHA-256 of the statement, as the file has it',
    cluster    String                COMMENT 'Cluster that it was applied to; empty for a single server',
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When'
)
ENGINE = ReplacingMergeTree ORDER BY (name, statement)
COMMENT 'Which statements of the numbered migrations were applied'
""".strip()


class MigrationError(RuntimeError):
    """The store's tables are not those that this program works with; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One statement of a numbered file; `again` where the file was applied before, so that its views are to be replaced."""

    name: str
    statement: int
    sql: str
    again: bool = False

    @property
    def checksum(self) -> str:
        """SHA-256 of the statement, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


_THE_BOOK = Migration("", 0, _BOOK)
_TRIES = 20


def migrations() -> list[Migration]:
    """Return all statements of the bundled files, in order."""
    folder = files("schemas").joinpath("migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [
        Migration(name, number, sql)
        for name in names
        for number, sql in enumerate(_statements(folder.joinpath(name).read_text(encoding="utf-8")), 1)
    ]


def _statements(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if not line.startswith("--"))
    parts = "\n".join(lines).split(";\n")
    return [part.strip().removesuffix(";") for part in parts if part.strip()]


def pending(client: "Client", cluster: str = "") -> list[Migration]:
    """Return the statements that are still to be applied to the client's database; read only.

    Raises
    ------
    MigrationError
        A statement that was applied and makes no view has another text here, or one is missing here (a newer program
        made the store), or was applied to another cluster.
    """
    known = migrations()
    applied = _applied(client)
    unknown = applied.keys() - {(m.name, m.statement) for m in known}
    if unknown:
        raise MigrationError(
            f"the store has migrations that this program lacks: {sorted(unknown)}; use a newer one"
        )
    views = {found["name"] for m in known if (found := VIEW.match(m.sql))}
    for m in known:
        checksum, made_for = applied.get((m.name, m.statement), (m.checksum, cluster))
        if checksum != m.checksum and not _of_one(m, views):
            raise MigrationError(f"{m.name}, statement {m.statement}, was applied with another text")
        if made_for != cluster:
            raise MigrationError(
                f"the tables were made for {_told(made_for)}, and JOURNEY_CLUSTER names {_told(cluster)}"
            )
    todo = {m for m in known if applied.get((m.name, m.statement), ("", ""))[0] != m.checksum}
    anew = {
        found["name"] for m in todo if (found := VIEW.match(m.sql))
    }  # without the comments on their columns
    before = {name for name, _ in applied}
    return [replace(m, again=m.name in before) for m in known if m in todo or _of_one(m, anew)]


def _of_one(m: Migration, views: Collection[str]) -> bool:
    """Return whether a statement makes one of these views, or comments on its columns."""
    found = VIEW.match(m.sql) or COMMENTS.match(m.sql)
    return found is not None and found["name"] in views


def _told(cluster: str) -> str:
    return f"the cluster {cluster!r}" if cluster else "a single server"


def _applied(client: "Client") -> dict[tuple[str, int], tuple[str, str]]:
    """Return (checksum, cluster) of each statement in the book; nothing where there is no book, or no database."""
    book = f"{client.database}.migrations"
    if client.raw_query(f"EXISTS TABLE {book}", fmt="TabSeparated", use_database=False).strip() == b"0":
        return {}
    rows = client.query(f"SELECT name, statement, checksum, cluster FROM {book} FINAL").result_rows
    return {(name, number): (checksum, cluster) for name, number, checksum, cluster in rows}


def check(client: "Client", cluster: str = "") -> None:
    """Raise MigrationError unless every migration was applied; change nothing."""
    if todo := pending(client, cluster):
        names = sorted({m.name for m in todo})
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise MigrationError(
            f"the database {client.database} lacks migration {names[0]}{more}: run journey migrate"
        )


def plan(client: "Client", cluster: str = "") -> list[str]:
    """Return the SQL that `apply` would run, in order, without what it enters in the book; change nothing."""
    todo = [sql for m in pending(client, cluster) for sql in _made_for(m, client, cluster)]
    return [*_made_for(_THE_BOOK, client, cluster), *todo] if todo else []


def apply(client: "Client", cluster: str = "") -> list[str]:
    """Apply what is pending and return the names of the files that it came from.

    A crash before a file is entered in the book is harmless, and so is another process that does the same: each
    statement can be met again (IF NOT EXISTS and OR REPLACE are put in here; comments say the same twice).
    """
    with boundary("migration.open"):
        for sql in _made_for(_THE_BOOK, client, cluster):
            client.command(sql)
    todo = pending(client, cluster)
    names = sorted({m.name for m in todo})
    for name in names:
        statements = [m for m in todo if m.name == name]
        for m in statements:
            for sql in _made_for(m, client, cluster):
                _run(sql, client)
        rows = [[m.name, m.statement, m.checksum, cluster] for m in statements]
        with boundary("migration.book"):
            client.insert("migrations", rows, ["name", "statement", "checksum", "cluster"])
    return names


def _run(sql: str, client: "Client") -> None:
    """Run a statement; one that meets the replacement of its view by another process is run again."""
    for left in reversed(range(_TRIES)):
        try:
            with boundary("migration.apply"):
                client.command(sql)
        except Exception as error:
            if "CANNOT_ASSIGN_ALTER" not in str(error) or not left:
                raise
        else:
            return


def _made_for(m: Migration, client: "Client", cluster: str) -> list[str]:
    """Return a statement as it is run here: one that can be repeated; several for a cluster."""
    made = clustered(m.sql, cluster, str(client.database)) if cluster else [m.sql]
    return [_repeatable(one, again=m.again) for one in made]


def _repeatable(sql: str, *, again: bool) -> str:
    if again and sql.startswith("CREATE VIEW"):
        return sql.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
    for verb in ("CREATE TABLE", "CREATE VIEW"):
        if sql.startswith(verb) and "IF NOT EXISTS" not in sql:
            return sql.replace(verb, f"{verb} IF NOT EXISTS", 1)
    return sql
