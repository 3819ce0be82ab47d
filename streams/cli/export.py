"""Defines the command export, which writes the events of a store to a file that load takes elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import Data, Json, print_json, say
from streams.cli.shells import opened
from streams.handles import key as handle_keys
from streams.inputs.exported import export as exported_to

__all__ = ["export"]

_MB = 1_000_000


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, which is not there yet")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Export every event for `journey load FILE` elsewhere: from a data directory to a server, or back. Handles stay hashed."""
    with opened(data, is_steady=True) as shell:
        done = exported_to(shell.store, handle_keys.in_force(shell.store), file, shell.clock)
    if as_json:
        print_json({"file": str(file), "events": done.events, "bytes": done.bytes})
    else:
        say(
            f"{done.events:,} events in {file}, {done.bytes / _MB:,.1f} MB; a store with the same handle key loads it"
        )
