"""Defines the commands on analysts, a server's read-only users: create and drop."""

import hashlib
import secrets
import sys
from contextlib import closing
from typing import Annotated

import typer

from streams.cli.options import UsageError, read_settings, say
from streams.cli.shells import warn_of_limits
from streams.store import analysts
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.open_server import open_server

__all__ = ["app"]

_DENIED = ("ACCESS_DENIED", "ACCESS_STORAGE_FOR_INSERTION_NOT_FOUND")
_KINDS = "SELECT name, engine = 'View' AS is_view FROM system.tables WHERE database = {database:String} ORDER BY name"
app = typer.Typer(no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the user")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the SQL, for an administrator; change nothing")
]


@app.command()
def create(
    name: Name,
    brand: Annotated[
        list[str] | None,
        typer.Option("--brand", metavar="B", help="That it may see, several times; else all"),
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Make a user who only reads, of some brands or of all, and print the password; again for a new password."""
    password = secrets.token_urlsafe(24)
    with closing(_server()) as store:
        digest = hashlib.sha256(password.encode()).hexdigest()
        statements = analysts.create(name, brand or (), digest, _place(store))
        _run(store, statements, dry_run=dry_run)
        warn_of_limits(store)
    if dry_run:
        print(f"the password will be: {password}", file=sys.stderr)
    else:
        print(password)


@app.command()
def drop(name: Name, dry_run: DryRun = False) -> None:
    """End a user."""
    with closing(_server()) as store:
        _run(store, [analysts.drop(name, _place(store))], dry_run=dry_run)
    if not dry_run:
        say(f"{name} is no user any more")


def _server() -> ClickHouse:
    settings = read_settings()
    if not settings.store:
        raise UsageError(
            "journey analysts is for a server: set JOURNEY_STORE=clickhouse://user@host:8123/journey; for a data"
            " directory, journey up answers queries, with JOURNEY_SQL_TOKEN"
        )
    return open_server(settings)


def _place(store: ClickHouse) -> analysts.Place:
    rows = store.rows(_KINDS, {"database": store.database})
    names = {row["name"]: row["is_view"] for row in rows if not row["name"].endswith("_local")}
    return analysts.Place(
        database=store.database,
        tables=[name for name, is_view in names.items() if not is_view],
        views=[name for name, is_view in names.items() if is_view],
        cluster=store.cluster,
    )


def _run(store: ClickHouse, statements: list[str], *, dry_run: bool) -> None:
    for statement in statements:
        if dry_run:
            print(f"{statement};")
            continue
        try:
            store.raw(statement, None)
        except QueryError as error:
            if not any(code in str(error) for code in _DENIED):
                raise
            raise UsageError(
                f"the user of JOURNEY_STORE may not manage access ({error}); run this with a user who may, or have an"
                " administrator run what --dry-run prints"
            ) from error
