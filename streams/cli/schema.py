"""Commands on the contract: write JSON Schemas for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.export import write
from streams.cli.options import say

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `export` a command of its own, though it is the only one."""


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to")] = Path("schemas"),
) -> None:
    """Write the JSON Schemas of the event contract and of the model file."""
    for path in write(folder):
        say(str(path))
