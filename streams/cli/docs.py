"""The command that documents the tables."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import Data, opened, say

__all__ = ["docs"]


def docs(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Page to write")] = Path("tables.html"),
    data: Data = None,
) -> None:
    """Write what tables and views say of themselves, and which is made from which, as one page of HTML."""
    from streams.catalogue import catalogue  # noqa: PLC0415 - for this command only
    from streams.catalogue_page import page  # noqa: PLC0415

    with opened(data) as shell:
        relations = catalogue(shell.store)
        text = page(relations, title=f"Tables and views of {shell.store.database}")
    out.write_text(text, encoding="utf-8")
    say(f"{len(relations)} tables and views in {out}")
