"""Defines the command migrate, which creates the tables of a server, or brings them up to date."""

from contextlib import closing
from typing import Annotated

import typer

from streams.apath import in_force
from streams.cli.options import UsageError, read_settings, say
from streams.cli.shells import warn_of_limits
from streams.clock import system_clock
from streams.handles.key import register
from streams.settings import Settings
from streams.store import migrations
from streams.store.clickhouse import ClickHouse

__all__ = ["migrate"]


def migrate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the SQL that would run; change nothing")
    ] = False,
) -> None:
    """Make the tables and views on the server of JOURNEY_STORE, or bring them up to date; again is harmless."""
    settings = read_settings()
    if not settings.store:
        raise UsageError(
            "journey migrate is for a server: set JOURNEY_STORE=clickhouse://user@host:8123/journey; "
            "a data directory is brought up to date when it is opened"
        )
    with closing(ClickHouse.of(settings)) as store:
        if dry_run:
            for statement in _planned(store):
                print(f"{statement};\n")
        else:
            _migrate(store, settings)
        warn_of_limits(store)


def _planned(store: ClickHouse) -> list[str]:
    todo = migrations.plan(store.client, store.cluster)
    return [store.database_sql, *todo] if todo else []


def _migrate(store: ClickHouse, settings: Settings) -> None:
    if todo := bool(migrations.pending(store.client, store.cluster)):
        store.make_database()
    applied = migrations.apply(store.client, store.cluster) if todo else []
    for name in applied:
        say(f"applied {name}")
    if settings.durable:
        store.make_durable()
    if settings.handle_key is not None:
        register(store, settings.handle_key, system_clock(), settings.brands)
    if in_force.in_force(store.client) is None:
        model = in_force.activate_default(store.client, system_clock())
        say(f"model {model.hash} is in force")
    elif not applied:
        say(f"nothing to do: {store.address} is up to date")
