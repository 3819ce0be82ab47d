"""Defines the commands on the contracts: print or write JSON Schemas, OpenAPI and AsyncAPI documents."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.export import artefacts, write
from streams.cli.options import UsageError, say

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write to")] = Path("schemas"),
) -> None:
    """Write JSON Schemas of events and of the model file, OpenAPI of the collector, AsyncAPI of the topics."""
    for path in write(folder, _collector()):
        say(str(path))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="event, apath, openapi or asyncapi")],
) -> None:
    """Print one of them."""
    found = {path.partition(".")[0]: text for path, text in (artefacts() | _collector()).items()}
    if name not in found:
        raise UsageError(f"{name}: there are {', '.join(sorted(found))}")
    print(found[name], end="")


def _collector() -> dict[str, str]:
    """Return what is generated from the collector."""
    from streams.collector.openapi import openapi_text  # noqa: PLC0415 - the extra collector

    return {"openapi.json": openapi_text()}
