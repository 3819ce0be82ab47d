"""Defines the command docs, which documents the tables and views of a store as an HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from streams.analysis.catalogue import catalogue
from streams.analysis.catalogue_page import page
from streams.cli.options import Data, say
from streams.cli.shells import opened

__all__ = ["docs"]


def docs(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Page to write")] = Path("tables.html"),
    data: Data = None,
) -> None:
    """Write the comments of tables and views, and which is made from which, as one page of HTML."""
    with opened(data) as shell:
        relations = catalogue(shell.store)
        text = page(relations, title=f"Tables and views of {shell.store.database}")
    out.write_text(text, encoding="utf-8")
    say(f"{len(relations)} tables and views in {out}")
