"""Numbered SQL migrations: applied once each, in order; the same files serve the embedded engine and a server."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from streams.faults import boundary

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["Migration", "MigrationError", "apply", "migrations", "pending"]

_BOOK = """
CREATE TABLE IF NOT EXISTS migrations
(
    name       String                COMMENT 'File name of the migration',
    statement  UInt16                COMMENT 'Number of the statement in the file',
    checksum   String                COMMENT 'SHA-256 of the statement, as it was applied',
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When'
)
ENGINE = ReplacingMergeTree ORDER BY (name, statement)
COMMENT 'Which statements of the numbered migrations were applied'
"""


class MigrationError(RuntimeError):
    """The store was made by other migrations than this program has."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One statement of a numbered file."""

    name: str
    statement: int
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the statement, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


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


def pending(client: "Client") -> list[Migration]:
    """Return the statements that are still to be applied to the client's database.

    Raises
    ------
    MigrationError
        A statement that was applied has another text here, or is missing here (a newer program made the store).
    """
    with boundary("migration.open"):
        client.command(_BOOK)
    rows = client.query("SELECT name, statement, checksum FROM migrations FINAL").result_rows
    applied = {(name, number): checksum for name, number, checksum in rows}
    known = migrations()
    unknown = applied.keys() - {(m.name, m.statement) for m in known}
    if unknown:
        raise MigrationError(
            f"the store has migrations that this program lacks: {sorted(unknown)}; use a newer one"
        )
    for m in known:
        if applied.get((m.name, m.statement), m.checksum) != m.checksum:
            raise MigrationError(f"{m.name}, statement {m.statement}, was applied with another text")
    return [m for m in known if (m.name, m.statement) not in applied]


def apply(client: "Client") -> list[str]:
    """Apply what is pending and return the names of the files that it came from.

    A crash before a file is entered in the book is harmless: each statement can be met again (IF NOT EXISTS is
    put in here; comments say the same twice).
    """
    todo = pending(client)
    names = sorted({m.name for m in todo})
    for name in names:
        statements = [m for m in todo if m.name == name]
        for m in statements:
            with boundary("migration.apply"):
                client.command(_repeatable(m.sql))
        rows = [[m.name, m.statement, m.checksum] for m in statements]
        with boundary("migration.book"):
            client.insert("migrations", rows, ["name", "statement", "checksum"])
    return names


def _repeatable(sql: str) -> str:
    for verb in ("CREATE TABLE", "CREATE VIEW"):
        if sql.startswith(verb) and "IF NOT EXISTS" not in sql:
            return sql.replace(verb, f"{verb} IF NOT EXISTS", 1)
    return sql
