"""Defines the commands on keys: rotate the handle key; create, list, rotate and revoke the collector's write keys."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from journey.channel import CHANNELS, IDENTITY_AREA
from streams.cli.options import Data, Json, UsageError, print_json, read_settings, say
from streams.clock import from_us, system_clock
from streams.collector.presets import DEFAULT, PRESETS, Preset, granted
from streams.collector.write_keys import EVERY, KeyStore, WriteKey, made, revoked, rotated

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)


@app.command("rotate")
def rotate_handles(data: Data = None, as_json: Json = False) -> None:
    """Rotate the handle key without losing identities: every id becomes another, one to one. Not while others write."""
    from streams.beside.beside import Beside  # noqa: PLC0415
    from streams.cli.shells import opened  # noqa: PLC0415
    from streams.embedded.rotate import rotate as rotated_key  # noqa: PLC0415
    from streams.erasure.statements import denied  # noqa: PLC0415 - the commands below need no engine
    from streams.server.rotate import resume, rotate_across  # noqa: PLC0415
    from streams.server.server import Server  # noqa: PLC0415

    settings = read_settings(data)
    name, lost = resume(settings, system_clock()) if settings.store else "", 0
    if not name:
        with opened(data) as shell:
            lost = denied(shell.store)
            if isinstance(shell, Server):
                name = rotate_across(shell)
            else:
                name = shell.rotate() if isinstance(shell, Beside) else rotated_key(shell)
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
_USES = "\n\n".join(
    f"--for {name}{' (default)' if name == DEFAULT else ''}: {preset.what}. Grants: {preset.description}."
    for name, preset in PRESETS.items()
)
_CREATE = f"""Make a write key and print it: it is shown this once, and only its hash is kept.

What a key is for says what it grants, and single options override that:

{_USES}
"""
Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called")]


@contextmanager
def _opened(data: "Path | None", *, anew: bool = False) -> Iterator[KeyStore]:
    """Open the keys of the data directory, even while a collector runs on it; or those of the server.

    With `anew`, a damaged file is set aside for a new one.
    """
    settings = read_settings(data)
    store: KeyStore
    if settings.store:
        from streams.collector.write_key_table import KeyTable  # noqa: PLC0415 - a server alone needs it
        from streams.store.open_server import open_server  # noqa: PLC0415

        store = KeyTable(open_server(settings))
    else:
        from streams.collector.write_key_stores import KeyFile  # noqa: PLC0415 - the extra collector

        store = file = KeyFile(settings.data)
        if anew and (told := file.renew(system_clock())):
            print(f"journey: {told}", file=sys.stderr)
    try:
        yield store
    finally:
        store.close()


def _named(store: KeyStore, name: str) -> list[WriteKey]:
    found = [key for key in store.read() if key.name == name]
    if not found:
        raise UsageError(f"there is no write key {name}; journey keys write list shows them")
    return found


@write_app.command("create", help=_CREATE)
def create(  # noqa: PLR0913, PLR0917 - options
    name: Name,
    brand: Annotated[list[str], typer.Option("--brand", metavar="B", help="May say this brand; * for all")],
    purpose: Annotated[
        str, typer.Option("--for", metavar="USE", help=f"What the key is for: {', '.join(PRESETS)}")
    ] = DEFAULT,
    channel: Annotated[
        list[str],
        typer.Option(
            "--channel",
            metavar="C",
            help=f"May say this one of: {', '.join(_ALLOWED)}; instead of those of --for, identity included",
        ),
    ] = [],  # noqa: B006 - Typer declares options as defaults
    source: Annotated[
        list[str], typer.Option("--source", metavar="S", help="Speaks for this source only; else for any")
    ] = [],  # noqa: B006 - as above
    origin: Annotated[
        list[str],
        typer.Option(
            "--origin",
            metavar="O",
            help="Pages that may use it, https://host; * for all. Without any, what a page sends is refused",
        ),
    ] = [],  # noqa: B006 - as above
    identity: Annotated[
        bool | None,
        typer.Option(
            "--identity/--no-identity",
            help="May say that handles are one person: several in one event, Segment's identify, identity.link and unlink. "
            "Without, an event counts for its first handle, and the answer says so. Else as --for has it",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(
            "--rate",
            min=0,
            max=1_000_000,
            help="Events a second; 0: no limit. Else as --for has it",
            show_default=False,
        ),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    preset = _preset(purpose, origin)
    _check(name, channel, origin)
    channels = granted(preset, channel, may_link=identity)
    per_s = preset.per_s if rate is None else rate
    grant = WriteKey(name, "", tuple(brand), channels, tuple(source), tuple(origin), per_s)
    with _opened(data, anew=True) as store:
        now_us = system_clock()
        if any(key.name == name and key.holds(now_us) for key in store.read()):
            raise UsageError(f"there is a write key {name}: rotate or revoke it, or choose another name")
        secret, key = made(grant, now_us)
        store.write([key])
    _show(secret, key, as_json=as_json)


def _preset(purpose: str, origins: Sequence[str]) -> Preset:
    if purpose not in PRESETS:
        raise UsageError(f"--for {purpose}: there are {', '.join(PRESETS)}")
    preset = PRESETS[purpose]
    if preset.needs_origin and not origins:
        raise UsageError(
            f"--for {purpose} needs --origin, such as https://shop.example: of which pages it takes events"
        )
    return preset


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
        "identity": key.may_link,
        "events_per_second": key.per_s,
        "until": from_us(key.until_us) if key.until_us else None,
        "is_revoked": key.is_revoked,
    }


@write_app.command("list")
def show(data: Data = None, as_json: Json = False) -> None:
    """Show every write key and what it grants; never the key itself."""
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
            "channels": [channel for channel in key.channels if channel != IDENTITY_AREA],
            "sources": key.sources,
            "origins": key.origins or ["of no page"],
        }
        grants = [f"{what} {', '.join(values)}" for what, values in said.items() if values]
        say("  " + escape("; ".join([*grants, _links(key)])))
    if not keys:
        say("no write keys: journey keys write create NAME --brand B")


def _links(key: WriteKey) -> str:
    if key.predates_identity and IDENTITY_AREA not in key.channels:
        return "identity by several handles of an event, as every key had it before it was granted"
    return "identity" if key.may_link else "no identity: its events join nobody"


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
