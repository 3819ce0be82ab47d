"""Writes the members of an audience to a file or an object store: whole or not at all, for its owner alone."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

from streams.alerts.delivery.addresses import AddressError, checked, resolve
from streams.destinations.config import PLACE, FileDestination, S3Destination
from streams.faults import kill_point
from streams.process.disk import sync

__all__ = ["WriteError", "write"]

_CONNECT_S, _REQUEST_S = 5.0, 30.0
_PIECE = 2**20
_MASK = "***"


class WriteError(RuntimeError):
    """An error of a destination that could not be written: what it had before stays. The message has no credentials."""


def write(destination: FileDestination | S3Destination, audience: str, pieces: Iterable[bytes]) -> None:
    """Write what an export yields to its place.

    Raises
    ------
    WriteError
        It could not be written.
    """
    if isinstance(destination, S3Destination):
        _to_store(destination, destination.key.replace(PLACE, audience), pieces)
    else:
        _to_file(Path(destination.path.replace(PLACE, audience)), pieces)


def _to_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a draft beside the file and rename it. The draft of a process that was killed is written over the next time."""
    draft = path.with_name(f".{path.name}.part")
    try:
        with _private(draft) as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        with kill_point("destination.rename"):
            draft.rename(path)
        sync(path.parent)
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _private(draft: Path) -> IO[bytes]:
    """Open a file that is not there yet, which its owner alone can read, and that no link of another user leads away from."""
    draft.unlink(missing_ok=True)
    return os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def _to_store(destination: S3Destination, key: str, pieces: Iterable[bytes]) -> None:
    """Write an object, once all of it is here: an object that is closed early would be a whole one with less in it."""
    try:
        with tempfile.TemporaryFile() as kept:
            kept.writelines(pieces)
            kept.seek(0)
            with (
                kill_point("destination.put"),
                _client(destination).open_output_stream(
                    f"{destination.bucket}/{key}", metadata={"Content-Type": _TYPES[destination.format]}
                ) as out,
            ):
                copyfileobj(kept, out, _PIECE)
    except (OSError, AddressError) as error:
        raise WriteError(f"s3://{destination.bucket}/{key}: {_without(destination, str(error))}") from error


_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def _client(destination: S3Destination) -> Any:
    from pyarrow import fs  # noqa: PLC0415 - brings a client of object stores, 60 MB, which few need

    where: dict[str, str] = {}
    if destination.endpoint is not None:
        url, port = checked(destination.endpoint, private=destination.private)
        resolve(url.hostname or "", port, private=destination.private)
        where = {"endpoint_override": url.netloc + url.path.rstrip("/"), "scheme": url.scheme}
    return fs.S3FileSystem(
        access_key=destination.access_key,
        secret_key=destination.secret_key,
        region=destination.region,
        connect_timeout=_CONNECT_S,
        request_timeout=_REQUEST_S,
        **where,
    )


def _without(destination: S3Destination, text: str) -> str:
    """Return a text of the store without credentials, which it may repeat."""
    for secret in (destination.access_key, destination.secret_key):
        if secret:
            text = text.replace(secret, _MASK)
    return text
