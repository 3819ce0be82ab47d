"""The entry point: commands put together, and errors told in one line that says what to do."""

import logging
import sys

import typer
from rich.logging import RichHandler

from schemas.apath import ModelError
from streams.cli import identity, ingest, kafka, letters, migrate, model, read, schema, worker
from streams.cli.options import UsageError
from streams.embedded import BusyError
from streams.kafka.errors import BrokerError
from streams.links import HandleError
from streams.loading import InputError
from streams.log import LogError
from streams.migrations import MigrationError
from streams.ports import StoreError
from streams.settings import SettingsError
from streams.store import ClickHouseError, QueryError
from streams.workers.change import ChangeError

__all__ = ["app", "run"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Customer journeys on the A-Path: load events, see where customers stand and why, verify every figure.",
)
app.command("load")(ingest.load)
app.command("simulate")(ingest.simulate)
app.command("sql")(read.sql)
app.command("stages")(read.stages)
app.command("explain")(read.explain)
app.command("whatif")(model.whatif)
app.command("verify")(read.verify)
app.command("migrate")(migrate.migrate)
app.command("publish")(kafka.publish)
app.command("gateway")(kafka.gateway)
app.command("worker")(worker.worker)
app.add_typer(model.app, name="model", help="The A-Path model in force.")
app.add_typer(identity.app, name="identity", help="Links between handles.")
app.add_typer(letters.app, name="dead-letters", help="Events that were refused.")
app.add_typer(kafka.app, name="topics", help="The Kafka topics.")
app.add_typer(schema.app, name="schema", help="The event contract and the tables.")

_TOLD = (
    BusyError, ClickHouseError, HandleError, BrokerError, ChangeError, InputError, LogError, MigrationError, ModelError, QueryError, SettingsError, StoreError,
    UsageError, OSError,
)  # fmt: skip


def run() -> None:
    """Run the command line; exit 0 when it did what was asked, 1 when a check failed, 2 when it could not."""
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_path=False, show_time=False)]
    )
    try:
        app()
    except BrokenPipeError:
        sys.exit(0)
    except _TOLD as error:
        print(f"journey: {error}", file=sys.stderr)
        sys.exit(2)
