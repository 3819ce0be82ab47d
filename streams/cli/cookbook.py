"""Defines the commands on the cookbook: list marketers' questions, show the query of one, run it on the store."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from streams.analysis import cookbook
from streams.cli.options import Data, Json, UsageError, print_json, say
from streams.cli.shells import Opened, after_horizon, brand_of, instant, opened
from streams.cli.terminal import writer
from streams.clock import exact, from_us
from streams.text.printable import visible_line

__all__ = ["app"]

_INSTANTS = frozenset({"at"})  # parameters that are now, unless they are given
_FOR_PEOPLE = frozenset(
    {
        "Pretty",
        "PrettyCompact",
        "PrettyCompactMonoBlock",
        "PrettyMonoBlock",
        "PrettySpace",
        "PrettySpaceMonoBlock",
        "Vertical",
    }
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `journey cookbook list` has it")]
app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the questions, with the part of a social marketing strategy that each belongs to."""
    found = cookbook.recipes()
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        say(f"[bold]{one.name}[/]  {escape(one.question)}  [dim]{', '.join(one.parts)}[/]")


@app.command()
def show(name: Name) -> None:
    """Print a query, with its parameters and what they are unless they are given."""
    one = cookbook.recipe(name)
    print(f"-- {one.question}")
    for key, value in one.defaults.items():
        print(f"-- {key} = {value}")
    print(one.sql)


@app.command()
def run(
    name: Name,
    param: Annotated[
        list[str] | None, typer.Option(metavar="k=v", help="A parameter, instead of that of the example")
    ] = None,
    output: Annotated[
        str, typer.Option("--format", metavar="F", help="Any ClickHouse output format")
    ] = "PrettyCompactMonoBlock",
    data: Data = None,
) -> None:
    """Answer a question from one's own data: for its only brand, as of now, unless --param says otherwise.

    The first line says what was asked with; where the output is for programs, it is on standard error.
    """
    pairs = [pair.partition("=") for pair in param or []]
    if wrong := ["".join(pair) for pair in pairs if not pair[1]]:
        raise UsageError(f"--param {json.dumps(wrong[0])}: must be k=v")
    one = cookbook.recipe(name)
    given = {key: value for key, _, value in pairs}
    cookbook.parameters(one, given)
    with opened(data) as shell:
        asked = cookbook.parameters(one, _own(one, given, shell) | given)
        if "at" in given:
            at = instant(given["at"], shell, "--param at=")
            after_horizon(shell.store, at, str(asked.get("brand", "")), "--param at=")
        said = ", ".join(f"{key} = {value}" for key, value in asked.items())
        print(
            visible_line(f"{one.name}: {said}"),
            file=sys.stdout if output in _FOR_PEOPLE else sys.stderr,
            flush=True,
        )
        out = writer(output)
        for chunk in cookbook.answer(shell.store, one, asked, output):
            out.write(chunk)
    sys.stdout.flush()


def _own(one: cookbook.Recipe, given: Mapping[str, str], shell: Opened) -> dict[str, str]:
    """Return what the data itself answers: its only brand, and the time now; in the place of the example's."""
    own: dict[str, str] = {}
    if "brand" in one.defaults:
        own["brand"] = brand_of(shell.store, given.get("brand"), option="--param brand=")
    now = shell.clock()
    own |= {name: exact(from_us(now)) for name in one.defaults.keys() & _INSTANTS}
    return own
