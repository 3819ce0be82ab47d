"""Applies numbered SQL migrations, in order; the same files serve the embedded engine and a server.

A statement that makes or changes a table is applied once, and never edited. A view holds nothing: where its text has
changed, it is recreated.
"""

import hashlib
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from journey.errors import UserError
from streams.faults import kill_point
from streams.store.cluster import COMMENTS, VIEW, clustered

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = [
    "Migration",
    "MigrationError",
    "apply",
    "check",
    "made",
    "migrations",
    "pending",
    "plan",
    "remake",
    "views",
]

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


class MigrationError(UserError, RuntimeError):
    """An error of a store whose tables are not those of this program; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A statement of a numbered file; `again` where the file was applied before, so that its views are to be replaced."""

    name: str
    statement: int
    sql: str
    again: bool = False

    @property
    def checksum(self) -> str:
        """SHA-256 of the statement, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


_TABLE = re.compile(r"CREATE TABLE (?P<name>\w+)\n")
_ALTER = re.compile(r"ALTER TABLE (?P<name>\w+)\n")
_THE_BOOK = Migration("", 0, _BOOK)
_ON_VIEW = re.compile(r"CREATE (OR REPLACE )?VIEW|ALTER TABLE \w+( ON CLUSTER \S+)?\s+COMMENT COLUMN")
_TRIES, _PAUSE_S = 40, 0.05


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
            f"the store has migrations that this program lacks ({', '.join(sorted({name for name, _ in unknown}))}): it was"
            " made by a newer version; use that one, or restore the backup that was made before the upgrade"
        )
    views = {found["name"] for m in known if (found := VIEW.match(m.sql))}
    for m in known:
        checksum, made_for = applied.get((m.name, m.statement), (m.checksum, cluster))
        if checksum != m.checksum and not _of_one(m, views):
            raise MigrationError(f"{m.name}, statement {m.statement}, was applied with another text")
        if made_for != cluster:
            raise MigrationError(
                f"the tables were made for {_target(made_for)}, and JOURNEY_CLUSTER names {_target(cluster)}"
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


def _target(cluster: str) -> str:
    return f"the cluster {cluster!r}" if cluster else "a single server"


def _applied(client: "Client") -> dict[tuple[str, int], tuple[str, str]]:
    """Return (checksum, cluster) of each applied statement; nothing where no table records them, or no database exists."""
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
    """Return the SQL that `apply` would run, in order, without the record of each; change nothing."""
    todo = [sql for m in pending(client, cluster) for sql in _made_for(m, client, cluster)]
    return [*_made_for(_THE_BOOK, client, cluster), *todo] if todo else []


def apply(client: "Client", cluster: str = "") -> list[str]:
    """Apply what is pending and return the names of the files that it came from.

    A crash before a file is recorded as applied is harmless, and so is another process that does the same: each
    statement can be met again (IF NOT EXISTS and OR REPLACE are put in here; comments say the same twice).
    """
    with kill_point("migration.open"):
        for sql in _made_for(_THE_BOOK, client, cluster):
            client.command(sql)
    todo = pending(client, cluster)
    names, waiting = sorted({m.name for m in todo}), list[Migration]()
    for name in names:
        statements = [m for m in todo if m.name == name]
        for m in statements:
            for sql in _made_for(m, client, cluster):
                _run(sql, client)
        # A view is recorded with the comments on its columns, which may be in a later file: made anew, it lacks them.
        later = {found["name"] for m in todo if m.name > name and (found := COMMENTS.match(m.sql))}
        waiting += statements
        done = [m for m in waiting if not ((found := VIEW.match(m.sql)) and found["name"] in later)]
        waiting = [m for m in waiting if m not in done]
        rows = [[m.name, m.statement, m.checksum, cluster] for m in done]
        if not rows:
            continue
        with kill_point("migration.book"):
            client.insert("migrations", rows, ["name", "statement", "checksum", "cluster"])
    return names


def made(*, views: bool = False) -> frozenset[str]:
    """Return the names of the tables and views that the migrations make, or of the views alone."""
    found = (VIEW.match(m.sql) or (None if views else _TABLE.match(m.sql)) for m in migrations())
    return frozenset(each["name"] for each in found if each)


def views(client: "Client") -> None:
    """Make every view in the client's database, whose tables are there."""
    for m in migrations():
        if VIEW.match(m.sql):
            _run(_repeatable(m.sql, again=True), client)


def remake(client: "Client", names: Collection[str]) -> None:
    """Make tables and views that are gone as the migrations have them; nothing may be pending."""
    for m in migrations():
        found = VIEW.match(m.sql) or _TABLE.match(m.sql) or _ALTER.match(m.sql)
        if found and found["name"] in names:
            for sql in _made_for(m, client, ""):
                _run(sql, client)


def _run(sql: str, client: "Client") -> None:
    """Run a statement; one on a view that another process is replacing at this moment fails, and is run again."""
    tries = _TRIES if _ON_VIEW.match(sql) else 1
    for left in reversed(range(tries)):
        try:
            with kill_point("migration.apply"):
                client.command(sql)
        except Exception:
            if not left:
                raise
            time.sleep(_PAUSE_S)
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
