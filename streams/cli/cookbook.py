"""Commands on the cookbook: what marketers ask, the query that answers it, and the answer on one's own data."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from streams import cookbook
from streams.cli.options import Data, Json, UsageError, opened, print_json, say

__all__ = ["app"]

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
    """Answer a question from one's own data."""
    pairs = [pair.partition("=") for pair in param or []]
    if wrong := ["".join(pair) for pair in pairs if not pair[1]]:
        raise UsageError(f"--param {json.dumps(wrong[0])}: must be k=v")
    one = cookbook.recipe(name)
    with opened(data) as shell:
        for chunk in cookbook.answer(shell.store, one, {key: value for key, _, value in pairs}, output):
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
