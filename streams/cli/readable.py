"""Defines the commands on readable handles: show what is kept, export it, rotate its key, drop it."""

import csv
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from streams.beside.beside import Beside
from streams.cli.options import Brand, Data, Json, UsageError, console, print_json, say
from streams.cli.shells import Opened, brand_of, opened
from streams.edge.readable import ReadableError
from streams.embedded.embedded import Embedded
from streams.embedded.rotate_readable import rotate_readable
from streams.handles.readable import ReadableReader
from streams.handles.readable_key_file import has_key, kept
from streams.handles.readable_rows import drop as dropped
from streams.handles.readable_rows import drop_lost, kept_of, reencrypted
from streams.page.values import for_programs
from streams.settings.readable import OWN_NUMBERS
from streams.text.printable import visible_line

__all__ = ["app"]

_IDS = 1 << 64  # more than any id of a customer
_HEX = 16  # digits of a customer
_TOGETHER = 1_000  # customers that are looked up at once
_SOMEBODY = (
    "identifies people outside of the brand too: its values are personal data, which this brand keeps by name"
)

app = typer.Typer(no_args_is_help=True)


@app.command("show")
def show(data: Data = None, as_json: Json = False) -> None:
    """Show how many handles of each brand and kind are kept readable, under which key, and whether JOURNEY_READABLE names them."""
    with opened(data) as shell:
        kinds = shell.settings.readable
        ours = kept(shell.settings).fingerprints if has_key(shell.settings) else ()
        rows = [
            asdict(one) | {"named": one.kind in kinds.of(one.brand), "has_key": one.fingerprint in ours}
            for one in kept_of(shell.store)
        ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print("no handles are kept readable")
    for row in rows:
        say(
            f"[bold]{escape(visible_line(row['brand']))}[/] {row['kind']}: {row['handles']:,} under the key {row['fingerprint']}"
            + ("" if row["has_key"] else ", which is not there")
            + (
                ""
                if row["named"]
                else "; JOURNEY_READABLE does not name it: none is given back, and no other is kept"
            )
        )
        if row["named"] and row["kind"] not in OWN_NUMBERS:
            say(f"  {row['kind']} {_SOMEBODY}")


@app.command("export")
def export(
    brand: Brand,
    customers: Annotated[
        Path | None,
        typer.Option(
            "--customers",
            metavar="FILE",
            help="Of these alone: a customer a line, as 16 hex digits with or without #, or as the number that SQL shows",
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Print the readable handles of a brand's customers as CSV: customer, kind, value. For who has their key."""
    named = None if customers is None else list(dict.fromkeys(_named(customers)))
    with opened(data) as shell:
        brand = brand_of(shell.store, brand)
        reader = ReadableReader.of_settings(shell.settings)
        found = reader.everyone(shell.store, brand) if named is None else _of(shell, reader, brand, named)
        first = list(islice(found, 1))  # where a value cannot be given, nothing is printed
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerow(["customer", "kind", "value"])
        for customer, kind, value in chain(first, found):
            lines.writerow([for_programs(customer, "customer"), kind, for_programs(value)])


def _named(path: Path) -> Iterator[int]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip().removeprefix("#")
        if not text:
            continue
        try:
            yield int(text, 16) if len(text) == _HEX else _whole(text)
        except ValueError:
            raise UsageError(f"{path}, line {number}: no customer, such as #0123456789abcdef") from None


def _whole(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,20}", text) else _IDS
    if number >= _IDS:
        raise ValueError(text)
    return number


def _of(
    shell: Opened, reader: ReadableReader, brand: str, customers: list[int]
) -> Iterator[tuple[int, str, str]]:
    for start in range(0, len(customers), _TOGETHER):
        some = customers[start : start + _TOGETHER]
        found = reader.of(shell.store, [(brand, customer) for customer in some])
        for customer in some:
            for kind, values in found[brand, customer].items():
                yield from ((customer, kind, value) for value in values)


@app.command("rotate")
def rotate(data: Data = None, as_json: Json = False) -> None:
    """Encrypt all readable handles under a successor of their key; given again after it was killed, it goes on.

    In a data directory the successor is made, unless JOURNEY_READABLE_KEY has it. On a server JOURNEY_READABLE_KEY has both, with
    a space between, wherever events come in, before the command is given.
    """
    with opened(data) as shell:
        if isinstance(shell, Beside):
            name, count = shell.rotate_readable()
        elif isinstance(shell, Embedded):
            name, count = rotate_readable(shell)
        else:
            key = kept(shell.settings)
            if len(key.fingerprints) == 1:
                raise ReadableError(
                    "JOURNEY_READABLE_KEY has no successor: put one behind it, with a space between (openssl rand -hex 32),"
                    " wherever events come in, and give the command again"
                )
            name, count = key.fingerprint, reencrypted(shell.store, key)
    if as_json:
        print_json({"fingerprint": name, "values": count})
        return
    say(f"the key [bold]{name}[/] encrypts readable handles; {count:,} were encrypted again under it")


@app.command("drop")
def drop(
    brand: Annotated[str | None, typer.Option("--brand", metavar="B", help="Of this brand")] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="K", help="Of this kind")] = None,
    lost: Annotated[
        bool, typer.Option("--lost", help="Those under keys that are not there, of all brands")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Delete readable handles of a brand and kind that JOURNEY_READABLE does not name any more, or those whose key is lost.

    Without it, what a brand has stopped naming stays: encrypted, and given to nobody.
    """
    if lost == (brand is not None or kind is not None) or (brand is None) != (kind is None):
        raise UsageError("give --brand and --kind, or --lost")
    with opened(data) as shell:
        if brand is None or kind is None:
            known = kept(shell.settings).fingerprints if has_key(shell.settings) else ()
            count = drop_lost(shell.store, known)
        elif kind in shell.settings.readable.of(brand):
            raise UsageError(
                f"JOURNEY_READABLE names {kind} of {visible_line(brand)}: events would bring the values back. Take it out wherever"
                " events come in, then give the command again"
            )
        else:
            count = dropped(shell.store, brand, kind)
    if as_json:
        print_json({"handles": count})
        return
    say(f"{count:,} handles are not readable any more")
