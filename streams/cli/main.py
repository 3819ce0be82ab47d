"""The entry point: commands put together, and errors told in one line that says what to do."""

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder

import typer
from rich.console import Console
from rich.logging import RichHandler

__all__ = ["commands", "run"]

# Each command, or group of them, by the module of streams.cli that has it. Only what is asked for is imported: a
# third of a short command's time would go into others, and Kafka's client is not for everybody.
_COMMANDS = {
    "load": "ingest",
    "simulate": "ingest",
    "sql": "read",
    "stages": "read",
    "explain": "read",
    "whatif": "model",
    "verify": "read",
    "forget": "forget",
    "migrate": "migrate",
    "docs": "docs",
    "publish": "kafka",
    "gateway": "kafka",
    "worker": "worker",
    "collector": "collector",
    "up": "collector",
}
_GROUPS = {
    "analysts": ("analysts", "Users of a server who only read, of some brands or of all."),
    "alerts": ("alerts", "Alerts on advocacy: watch, list, acknowledge, silence."),
    "model": ("model", "The A-Path model in force."),
    "cascades": ("cascades", "Word of mouth: who brought whom."),
    "cookbook": ("cookbook", "Questions of marketers, and the queries that answer them."),
    "identity": ("identity", "Links between handles."),
    "consent": ("consent", "What a customer has denied, from now on."),
    "dead-letters": ("letters", "Events that were refused."),
    "topics": ("kafka", "The Kafka topics."),
    "schema": ("schema", "The event contract and the tables."),
    "keys": ("keys", "Keys that clients use."),
    "spikes": ("spikes", "Spikes in counts, and how they are found."),
}

# What is told in one line, by the module that raises it; none is raised of a module that was not imported.
_TOLD = {
    "builtins": ("OSError",),
    "schemas.apath": ("ModelError",),
    "streams.cli.options": ("UsageError",),
    "streams.cookbook": ("CookbookError",),
    "streams.counts": ("CountsError",),
    "streams.embedded": ("BusyError",),
    "streams.kafka.errors": ("BrokerError",),
    "streams.links": ("HandleError",),
    "streams.loading": ("InputError",),
    "streams.log": ("LogError",),
    "streams.migrations": ("MigrationError",),
    "streams.ports": ("StoreError",),
    "streams.rekeying": ("RekeyError",),
    "streams.settings": ("SettingsError",),
    "streams.store": ("ClickHouseError", "QueryError"),
    "streams.workers.change": ("ChangeError",),
    "streams.workers.forgetting": ("ForgetError",),
    "streams.workers.ports": ("FencedError",),
}


def commands(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line for these words: with the command that they begin with, or else with all of them."""
    chosen = [word for word in words[:1] if word in _COMMANDS or word in _GROUPS]
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Customer journeys on the A-Path: load events, see where customers stand and why, verify every figure.",
    )
    app.callback()(lambda: None)  # one command alone is named all the same
    for name in chosen or (*_COMMANDS, *_GROUPS):
        if name in _COMMANDS:
            app.command(name)(getattr(import_module(f"streams.cli.{_COMMANDS[name]}"), name))
        else:
            module, about = _GROUPS[name]
            app.add_typer(import_module(f"streams.cli.{module}").app, name=name, help=about)
    return app


def run() -> None:
    """Run the command line; exit 0 when it did what was asked, 1 when a check failed, 2 when it could not."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False, show_time=False)],
    )
    try:
        with _without_pandas():
            commands(sys.argv[1:])()
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if not isinstance(error, _told()):
            raise
        print(f"journey: {error}", file=sys.stderr)
        sys.exit(2)


class _NoPandas(MetaPathFinder):
    """Finds no pandas: pyarrow and ClickHouse's client would import it to ask whether our values are frames of it."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("the commands do without", name=fullname)


@contextmanager
def _without_pandas() -> Iterator[None]:
    """Save each command a quarter of a second."""
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _told() -> tuple[type[Exception], ...]:
    return tuple(
        getattr(sys.modules[module], name)
        for module, names in _TOLD.items()
        if module in sys.modules
        for name in names
    )
