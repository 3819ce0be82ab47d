"""Defines the commands backup and restore: a data directory as of one instant, and a new directory from that."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.backup.backup import Done, Progress, prepared, written
from streams.backup.image import Image, discard
from streams.backup.last import note
from streams.backup.manifest import Manifest
from streams.backup.restore import checked, refuse_full
from streams.beside.beside import Beside
from streams.beside.wire import version
from streams.cli.options import Data, Json, UsageError, print_json, read_settings, say
from streams.cli.shells import opened
from streams.embedded.backup import imaged
from streams.embedded.backup import restore as restore_into
from streams.handles.key import fitting
from streams.server.server import Server
from streams.text.printable import visible_line

__all__ = ["backup", "restore"]

_MB = 1_000_000
_STEPS = 10  # of progress, where there is much to do
_MUCH_BYTES = 200 * _MB


def backup(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to: a directory that is not there yet")
    ],
    since: Annotated[
        Path | None,
        typer.Option(
            "--since",
            metavar="LAST",
            help="The last backup: what has not changed is linked, not copied",
            show_default=False,
        ),
    ] = None,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="With the handle key, which is to be kept apart otherwise")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Back up a data directory as of one instant, also while `journey up` has it open. The backup is whole, or it is not there."""
    where = prepared(directory, since)
    with opened(data) as shell:
        if isinstance(shell, Server):
            raise UsageError(
                f"{shell.store.address} is a server: back its tables up with ClickHouse's BACKUP; see the runbook,"
                " Restoring from a backup"
            )
        image = (
            shell.imaged(with_key=with_key) if isinstance(shell, Beside) else imaged(shell, with_key=with_key)
        )
        try:
            done = written(image, where, version(), _progress("backup"))
        finally:
            _discard(shell, image)
        note(shell.settings.data, done)
    if as_json:
        print_json(_summary(done.manifest) | {"backup": str(done.path), "copied_bytes": done.copied_bytes})
    else:
        _show(done)


def _discard(shell: Any, image: Image) -> None:
    """Delete an image of ours; that of another process goes with the connection to it."""
    if not isinstance(shell, Beside):
        discard(Path(image.path))


def restore(
    directory: Annotated[
        Path, typer.Argument(metavar="BACKUP", help="A backup that `journey backup` has made")
    ],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="DATA", help="The new data directory, empty or not there", show_default=False),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare the backup with its manifest")] = False,
    as_json: Json = False,
) -> None:
    """Restore a backup into a new data directory, after every file was compared with its manifest."""
    if (target is None) != check:
        raise UsageError(
            "journey restore BACKUP DATA restores, and journey restore BACKUP --check only checks"
        )
    if target is not None:
        refuse_full(target)
    manifest = checked(directory, _progress("check"))
    key = _key_of(manifest)
    if target is not None:
        restore_into(directory, target, manifest, _progress("restore"))
    if as_json:
        print_json(
            _summary(manifest)
            | {"restored": None if target is None else str(target), "key_missing": bool(key)}
        )
        return
    events = manifest.rows.get("interactions", 0)
    what = f"{events:,} events as of {manifest.at}, made by version {manifest.version}"
    say(f"backup is whole: {len(manifest.files):,} files, {manifest.bytes / _MB:,.1f} MB, {what}")
    if target is not None:
        say(f"restored into {visible_line(str(target))}; journey verify --data DIR recomputes every figure")
        if key:
            say(key)


def _key_of(manifest: Manifest) -> str:
    """Return how to give the handle key that a backup lacks, "" where it has it, or ours is it.

    Raises
    ------
    SettingsError
        Ours is another one.
    """
    settings = read_settings()
    if manifest.has_key:
        return ""
    if settings.handle_key is not None:
        fitting(settings.handle_key, manifest.key)
        return ""
    return (
        f"the handle key is not in the backup: put the file handle.key into the directory, or set JOURNEY_HANDLE_KEY or"
        f" JOURNEY_HANDLE_KEY_FILE; its fingerprint is {manifest.key}. Without it everything can be read, and no event is taken"
    )


def _summary(manifest: Manifest) -> dict[str, Any]:
    return {
        "at": manifest.at,
        "version": manifest.version,
        "since": manifest.since or None,
        "has_key": manifest.has_key,
        "key": manifest.key,
        "files": len(manifest.files),
        "bytes": manifest.bytes,
        "events": manifest.rows.get("interactions", 0),
        "frames_waiting": manifest.frames_waiting,
    }


def _show(done: Done) -> None:
    manifest = done.manifest
    say(
        f"backup of {manifest.rows.get('interactions', 0):,} events as of {manifest.at}: {len(manifest.files):,} files,"
        f" {manifest.bytes / _MB:,.1f} MB, of which {done.copied_bytes / _MB:,.1f} MB were copied"
    )
    if not manifest.has_key:
        say("the handle key is not in it: keep that elsewhere, for a backup is of little use without")


def _progress(title: str) -> Progress:
    """Return what prints, of much work, how far it is, on stderr."""
    said = 0

    def tell(done: int, total: int) -> None:
        nonlocal said
        step = _STEPS * done // total if total else _STEPS
        if total >= _MUCH_BYTES and step > said:
            said = step
            print(f"{title}: {done / _MB:,.0f} of {total / _MB:,.0f} MB", file=sys.stderr)

    return tell
