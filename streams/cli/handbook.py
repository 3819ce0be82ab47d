"""Documents from the program itself: `python -m streams.cli.handbook [FOLDER]` writes commands, settings and tables."""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import typer

from streams.analysis.catalogue import Relation, catalogue
from streams.cli.main import commands
from streams.environment import ENVIRONMENT
from streams.store import migrations
from streams.store.clickhouse import ClickHouse

__all__ = ["FOLDER", "commands_page", "pages", "settings_page", "tables_page"]

FOLDER = Path("deploy/docs/reference")
_WRITTEN = "`python -m streams.cli.handbook` writes this document"
_COMMANDS = f"""\
# Commands

{_WRITTEN} from the command line; `journey COMMAND --help` prints the same.

`--data DIR` or `JOURNEY_STORE=chdb:///absolute/path` names the data directory (else `.journey`), and
`JOURNEY_STORE=clickhouse://…` a server; `--json` prints for programs. While `journey up` has a data directory open, it does what
commands ask ([beside it](../operate/one-process.md#commands-beside-journey-up)). Exit codes: 0 when the command did what was asked,
1 when a check failed, 2 when it could not run; 130 after Ctrl-C and 143 after SIGTERM.

"""
_SETTINGS = f"""\
# Settings

{_WRITTEN} from [`streams/environment.py`](../../../streams/environment.py), which is the only module that
reads the environment. The default is in parentheses. docker compose reads its own from [`.env`](../../../.env.example).
"""
_TABLES = f"""\
# Tables and views

{_WRITTEN} from the comments of a new store. `journey sql "SHOW TABLES"` and
`journey sql "DESCRIBE TABLE journeys"` print them from yours, `journey docs` writes them as HTML. [Where to start](../guide/bi.md#where-to-start)
names a dozen to begin with.

"""
# A setting is in the section with the longest prefix of its name.
_SECTIONS = {
    "Data, keys and the engine": ("JOURNEY_",),
    "Kafka": ("JOURNEY_KAFKA", "JOURNEY_TOPIC_"),
    "Workers and gateways": (
        "JOURNEY_WEB_",
        "JOURNEY_BATCH_",
        "JOURNEY_SESSION_",
        "JOURNEY_STALL_",
        "JOURNEY_LOG",
    ),
    "Collector": ("JOURNEY_COLLECTOR_",),
    "Other protocols": ("JOURNEY_SEGMENT", "JOURNEY_WEBHOOK"),
    "Networks that are listened to": ("JOURNEY_LISTEN_", "JOURNEY_WRITE_", "JOURNEY_MASTODON_"),
    "Queries over HTTP": ("JOURNEY_SQL_",),
    "Page and alerts": ("JOURNEY_PAGE_", "JOURNEY_PUBLIC_", "JOURNEY_ALERTS"),
}
_FIRST = re.compile(r"\.(?:\s|$)")


def pages() -> dict[str, str]:
    """Return every generated document by its file name; starts the embedded engine on an empty store."""
    with tempfile.TemporaryDirectory() as folder, closing(ClickHouse(f"chdb://{folder}")) as store:
        store.make_database()
        migrations.apply(store.client)
        tables = tables_page(catalogue(store))
    return {"commands.md": commands_page(), "settings.md": settings_page(), "tables.md": tables}


def commands_page() -> str:
    """Return every command with its help, arguments, options and defaults."""
    found = list(_commands(typer.main.get_command(commands()), "journey"))
    index = "".join(
        f"- [`{name}`](#{name.replace(' ', '-')}): {_FIRST.split(command.help)[0]}\n"
        for name, command in found
    )
    return f"{_COMMANDS}{index}{''.join(_command(name, command) for name, command in found)}"


def settings_page() -> str:
    """Return every environment variable with what it stands for."""
    sections: dict[str, list[str]] = {title: [] for title in _SECTIONS}
    for name, text in ENVIRONMENT.items():
        sections[_section(name)].append(f"| `{name}` | {_escape(text)} |\n")
    return _SETTINGS + "".join(
        f"\n## {title}\n\n| setting | |\n|---|---|\n{''.join(rows)}" for title, rows in sections.items()
    )


def tables_page(relations: Sequence[Relation]) -> str:
    """Return every view and table with its columns; views first, as they are what to query."""
    views = [one for one in relations if one.kind == "view"]
    tables = [one for one in relations if one.kind != "view"]
    return (
        f"{_TABLES}{_contents('Views, to query', views)}\n{_contents('Tables, as they are written', tables)}"
        f"{''.join(map(_relation, (*views, *tables)))}"
    )


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that does something, with all of its words."""
    for word, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{name} {word}")
    if not hasattr(command, "commands"):
        yield name, command


def _command(name: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join([name, *map(_usage, arguments)])
    parameters = "".join(map(_parameter, command.params))
    return (
        f"\n## {name}\n\n{_escape(command.help)}\n\n    {usage}{' [OPTIONS]' * (command.params != arguments)}\n"
        + (f"\n{parameters}" if parameters else "")
    )


def _usage(argument: Any) -> str:
    return argument.metavar if argument.required else f"[{argument.metavar}]"


def _parameter(parameter: Any) -> str:
    """Return a line on an argument or option: its names, whether it must be given, its default."""
    names = () if parameter.param_type_name == "argument" else (*parameter.opts, *parameter.secondary_opts)
    is_flag = getattr(parameter, "is_flag", False)
    value = "" if is_flag else parameter.metavar or "N"
    default = "" if is_flag or parameter.default in (None, "", []) else str(parameter.default)
    notes = (
        "required" if parameter.required else "",
        "may be repeated" if getattr(parameter, "multiple", False) or parameter.nargs != 1 else "",
        f"default `{default}`" if default else "",
    )
    given = f" ({', '.join(filter(None, notes))})" if any(notes) else ""
    shown = f"{', '.join(names)} {value}".strip()
    return f"- `{shown}`: {_escape(parameter.help)}{given}\n"


def _section(setting: str) -> str:
    prefixes = {prefix: title for title, each in _SECTIONS.items() for prefix in each}
    return prefixes[max((prefix for prefix in prefixes if setting.startswith(prefix)), key=len)]


def _contents(heading: str, relations: Sequence[Relation]) -> str:
    rows = "".join(f"| [`{one.name}`](#{one.name}) | {_escape(one.comment)} |\n" for one in relations)
    return f"**{heading}**\n\n| | |\n|---|---|\n{rows}"


def _relation(one: Relation) -> str:
    facts = {
        "Parameters": ", ".join(f"`{name} {kind}`" for name, kind in one.parameters),
        "Engine": f"{one.kind}, ordered by `{one.sorting_key}`" if one.sorting_key else "",
        "Reads": ", ".join(f"[`{name}`](#{name})" for name in one.made_from),
        "Read by": ", ".join(f"[`{name}`](#{name})" for name in one.used_by),
    }
    lines = "".join(f"- {fact}: {text}\n" for fact, text in facts.items() if text)
    columns = "".join(
        f"| `{column.name}` | `{column.type}` | {_escape(column.comment)} |\n" for column in one.columns
    )
    return "".join(
        (
            f"\n## {one.name}\n\n{_escape(one.comment)}.\n",
            f"\n{_escape(one.reason)}\n" if one.reason else "",
            f"\n{lines}" if lines else "",
            f"\n| column | type | |\n|---|---|---|\n{columns}" if columns else "",
        )
    )


def _escape(text: str) -> str:
    """Return a text in which nothing is markup that is not between backticks."""
    parts = text.replace("|", r"\|").split("`")
    parts[::2] = (part.replace("*", r"\*").replace("<", "&lt;") for part in parts[::2])
    return "`".join(parts)


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    for file, text in pages().items():
        (folder / file).write_text(text, encoding="utf-8")
