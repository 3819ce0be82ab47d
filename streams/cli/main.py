"""Assembles the commands into `journey`, runs one, and prints an error in one line that says what to do."""

import ast
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path

import typer
from rich.logging import RichHandler

from journey.errors import UserError
from streams.cli.terminal import SafeConsole, guard
from streams.process.shutdown import stopping
from streams.process.stuck_threads import ended_in_any_case
from streams.text.printable import visible, visible_line

__all__ = ["commands", "run"]

# Each command, or group of them, by the module of streams.cli that has it. Only what is asked for is imported: a
# third of a short command's time would go into others, and Kafka's client is not for everybody.
_COMMANDS = {
    "load": "load",
    "simulate": "simulate",
    "sql": "read",
    "stages": "read",
    "explain": "read",
    "feed": "feed",
    "whatif": "model",
    "verify": "read",
    "rebuild": "rebuild",
    "backup": "backup",
    "export": "export",
    "restore": "backup",
    "forget": "forget",
    "migrate": "migrate",
    "docs": "docs",
    "publish": "kafka",
    "gateway": "kafka",
    "worker": "worker",
    "collector": "collector",
    "up": "collector",
    "status": "status",
}
_GROUPS = {
    "analysts": ("analysts", "Users of a server who only read, of some brands or of all."),
    "alerts": ("alerts", "Alerts on advocacy: watch, list, acknowledge, silence."),
    "audience": ("audience", "Audiences: lists of customers that are kept up to date."),
    "model": ("model", "The active A-Path model."),
    "cascades": ("cascades", "Word of mouth: who brought whom."),
    "cookbook": ("cookbook", "Questions of marketers, and the queries that answer them."),
    "identity": ("identity", "Links between handles."),
    "consent": ("consent", "What a customer has denied, from now on."),
    "dead-letters": ("dead_letters", "Events that were refused."),
    "topics": ("kafka", "The Kafka topics."),
    "schema": ("reference", "The event contract and the tables."),
    "retention": ("retention", "How long interactions are kept."),
    "keys": ("keys", "Keys that clients use."),
    "readable": ("readable", "Handles whose values a brand keeps readable, encrypted."),
    "spikes": ("spikes", "Spikes in counts, and how they are found."),
    "listen": ("listen", "Networks that are listened to: Bluesky and Mastodon."),
}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def commands(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line for these words: with the command that they begin with, or else with all of them."""
    chosen = [word for word in words[:1] if word in _COMMANDS or word in _GROUPS]
    app = _empty()
    for name in chosen or (*_COMMANDS, *_GROUPS):
        if name in _COMMANDS:
            app.command(name)(getattr(import_module(f"streams.cli.{_COMMANDS[name]}"), name))
        else:
            module, about = _GROUPS[name]
            app.add_typer(import_module(f"streams.cli.{module}").app, name=name, help=about)
    return app


def _overview() -> typer.Typer:
    """Return a command line that only lists the commands, by what their modules say of them: no module is imported."""
    app = _empty()
    said: dict[str, str | None] = {}
    for module in sorted(set(_COMMANDS.values())):
        tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
        said |= {one.name: ast.get_docstring(one) for one in tree.body if isinstance(one, ast.FunctionDef)}
    for name in _COMMANDS:
        app.command(name, help=said[name])(lambda: None)
    for name, (_, about) in _GROUPS.items():
        group = typer.Typer()
        group.callback()(lambda: None)
        app.add_typer(group, name=name, help=about)
    return app


def _empty() -> typer.Typer:
    """Return a command line without commands."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Customer journeys on the A-Path: load events, see where customers stand and why, verify every figure.",
    )
    app.callback()(lambda: None)  # one command alone is named all the same
    return app


def run() -> None:
    """Run the command line; exit 0 when it did what was asked, 1 when a check failed, 2 when it could not.

    A command that is ended by a signal exits with 130 for Ctrl-C, 143 for SIGTERM; one that serves until then, with 0.
    """
    guard()
    with stopping.installed():
        try:
            _run()
        except SystemExit as end:
            stopping.finish(end.code if isinstance(end.code, int) else int(end.code is not None))
            raise


def _run() -> None:
    """Run the command, and print the error where it fails."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=SafeConsole(stderr=True), show_path=False, show_time=False)],
    )
    with ended_in_any_case():
        _run_command()


def _run_command() -> None:
    try:
        words = sys.argv[1:]
        _check_words(words)
        with _without_pandas():
            (commands(words) if words and words != ["--help"] else _overview())()
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if not _is_told(error):
            raise
        if not (isinstance(error, UserError) and error.was_told):
            print(f"journey: {visible(str(error))}", file=sys.stderr)
        sys.exit(2)


def _check_words(words: Sequence[str]) -> None:
    """Refuse words that steer a terminal: errors quote them, those of the library that reads them too."""
    for word in words:
        if _CONTROL.search(word):
            print(f"journey: an argument has a control character: {visible_line(word)}", file=sys.stderr)
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


def _is_told(error: Exception) -> bool:
    """Return whether an error is printed in one line: ours, the system's, and those of ClickHouse's client."""
    return isinstance(error, UserError | OSError) or type(error).__module__.startswith("clickhouse_connect.")
