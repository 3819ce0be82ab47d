"""Commands on keys: that of handles, and write keys: who may send events to the collector, and which."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from journey.channel import CHANNELS, IDENTITY_AREA
from streams.cli.options import Data, Json, UsageError, opened, print_json, read_settings, say
from streams.clock import from_us, system_clock
from streams.collector.keys import EVERY, KeyStore, WriteKey, made, revoked, rotated

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("rotate")
def rotate_handles(data: Data = None, as_json: Json = False) -> None:
    """Put a successor of the key of handles in force: every id becomes another, one to one. Not while others write."""
    from streams.erasure import denied  # noqa: PLC0415 - the commands below need no engine
    from streams.rotating import resume  # noqa: PLC0415
    from streams.rotating import rotate as rotated_key  # noqa: PLC0415

    settings = read_settings(data)
    name, lost = resume(settings, system_clock()) if settings.store else "", 0
    if not name:
        with opened(data) as shell:
            lost = denied(shell.store)
            name = rotated_key(shell)
    if as_json:
        print_json({"fingerprint": name, "denials_lost": lost})
        return
    say(f"the key [bold]{name}[/] is in force; keep it where backups are not")
    if lost:
        say(
            f"consent was denied for {lost:,} handles: give `journey consent deny` again, it was kept under old ids"
        )


write_app = typer.Typer(no_args_is_help=True)
app.add_typer(write_app, name="write", help="Keys that events are sent with.")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORIGIN = re.compile(r"\*|https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")
_ALLOWED = (*CHANNELS, IDENTITY_AREA, EVERY)
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called")]


@contextmanager
def _opened(data: "Path | None") -> Iterator[KeyStore]:
    """Open the keys of the data directory, even while a collector runs on it; or those of the server."""
    settings = read_settings(data)
    store: KeyStore
    if settings.store:
        from streams.collector.key_table import KeyTable  # noqa: PLC0415 - each imports what it needs
        from streams.opening import open_server  # noqa: PLC0415

        store = KeyTable(open_server(settings))
    else:
        from streams.collector.key_file import KeyFile  # noqa: PLC0415

        store = KeyFile(settings.data)
    try:
        yield store
    finally:
        store.close()


def _named(store: KeyStore, name: str) -> list[WriteKey]:
    found = [key for key in store.read() if key.name == name]
    if not found:
        raise UsageError(f"there is no write key {name}; journey keys write list shows them")
    return found


@write_app.command("create")
def create(  # noqa: PLR0913, PLR0917 - options
    name: Name,
    brand: Annotated[list[str], typer.Option("--brand", metavar="B", help="May say this brand; * for all")],
    channel: Annotated[
        list[str], typer.Option("--channel", metavar="C", help=f"May say this one of: {', '.join(_ALLOWED)}")
    ] = [EVERY],  # noqa: B006 - Typer declares options as defaults
    source: Annotated[
        list[str], typer.Option("--source", metavar="S", help="Speaks for this source only; else for any")
    ] = [],  # noqa: B006 - as above
    origin: Annotated[
        list[str],
        typer.Option("--origin", metavar="O", help="Pages that may use it, https://host; * for all"),
    ] = [],  # noqa: B006 - as above
    rate: Annotated[
        int, typer.Option("--rate", min=0, max=1_000_000, help="Events a second; 0: no limit")
    ] = 1_000,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a write key and print it: it is shown this once, and only its hash is kept."""
    _check(name, channel, origin)
    grant = WriteKey(name, "", tuple(brand), tuple(channel), tuple(source), tuple(origin), rate)
    with _opened(data) as store:
        now_us = system_clock()
        if any(key.name == name and key.holds(now_us) for key in store.read()):
            raise UsageError(f"there is a write key {name}: rotate or revoke it, or choose another name")
        secret, key = made(grant, now_us)
        store.write([key])
    _show(secret, key, as_json=as_json)


def _check(name: str, channels: Sequence[str], origins: Sequence[str]) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r}: letters, digits, dot, dash and underscore, at most 64")
    if wrong := [channel for channel in channels if channel not in _ALLOWED]:
        raise UsageError(f"--channel {wrong[0]}: there are {', '.join(_ALLOWED)}")
    if wrong := [origin for origin in origins if not _ORIGIN.fullmatch(origin)]:
        raise UsageError(f"--origin {wrong[0]}: must be such as https://shop.example, without a path")


def _show(secret: str, key: WriteKey, *, as_json: bool) -> None:
    if as_json:
        print_json({"write_key": secret} | _described(key))
    else:
        print(secret)


def _described(key: WriteKey) -> dict[str, object]:
    return {
        "name": key.name,
        "sha256": key.digest,
        "brands": key.brands,
        "channels": key.channels,
        "sources": key.sources,
        "origins": key.origins,
        "events_per_second": key.per_s,
        "until": from_us(key.until_us) if key.until_us else None,
        "is_revoked": key.is_revoked,
    }


@write_app.command("list")
def show(data: Data = None, as_json: Json = False) -> None:
    """Show every write key and what it may say; never the key itself."""
    with _opened(data) as store:
        keys = sorted(store.read(), key=lambda key: (key.name, not key.until_us, key.until_us, key.version))
    if as_json:
        print_json([_described(key) for key in keys])
        return
    now_us = system_clock()
    for key in keys:
        state = "revoked" if key.is_revoked else "in use" if key.holds(now_us) else "ended"
        until = f" until {from_us(key.until_us):%Y-%m-%d %H:%M} UTC" if key.until_us else ""
        rate = f"{key.per_s:,} events/s" if key.per_s else "no rate limit"
        say(f"[bold]{escape(key.name)}[/]  {state}{until}  {rate}  sha256 {key.digest[:12]}…")
        said = {
            "brands": key.brands,
            "channels": key.channels,
            "sources": key.sources,
            "origins": key.origins,
        }
        say(
            "  " + escape("; ".join(f"{what} {', '.join(values)}" for what, values in said.items() if values))
        )
    if not keys:
        say("no write keys: journey keys write create NAME --brand B")


@write_app.command("rotate")
def rotate(
    name: Name,
    keep_h: Annotated[
        float,
        typer.Option("--keep-hours", min=0, max=8_760, help="For so long the old one may still be used"),
    ] = 24,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a successor of a write key and print it; the old one ends after a while."""
    with _opened(data) as store:
        found = _named(store, name)
        try:
            secret, rows = rotated(
                found, system_clock(), timedelta(hours=keep_h) // timedelta(microseconds=1)
            )
        except ValueError as error:
            raise UsageError(f"{name}: {error}; make a new one") from None
        store.write(rows)
    _show(secret, rows[-1], as_json=as_json)


@write_app.command("revoke")
def revoke(name: Name, data: Data = None) -> None:
    """End a write key, and all of its name, within a second or two."""
    with _opened(data) as store:
        rows = revoked(_named(store, name), system_clock())
        store.write(rows)
    say(f"[bold]{escape(name)}[/] revoked" if rows else f"{escape(name)} was revoked already")
