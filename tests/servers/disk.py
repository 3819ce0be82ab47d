"""A small disk for one server that can be filled: memory mounted where only the server sees it.

The mount is in a namespace that a process of its own holds, so it is gone when that process is, and what is on it
outlives the server. Without the right to mount, which root and most users on Linux have, a test is skipped.
"""

import errno
import os
from pathlib import Path

from tests.servers.downloads import Unavailable
from tests.servers.process import Process, ServerError

__all__ = ["Disk"]

_BLOCK = bytes(2**16)


class Disk:
    """A file system of `size_mb` MiB at a folder, for the commands that run `within` it."""

    def __init__(self, folder: Path, size_mb: int, log: Path) -> None:
        self._folder = folder
        self._options = f"size={size_mb}m"
        self._holder = Process("the disk", log)
        self._user = [] if os.geteuid() == 0 else ["--user"]

    def mount(self) -> None:
        """Make the disk unless it is there; raises Unavailable where mounting is not allowed."""
        if self._holder.running:
            return
        become_root = ["--map-root-user"] if self._user else []
        script = 'mount -t tmpfs -o "$1" none "$2" && exec sleep infinity'
        hold = ["sh", "-c", script, "sh", self._options, str(self._folder)]
        try:
            self._holder.start(["unshare", "--mount", *self._user, *become_root, *hold], self._mounted)
        except ServerError as error:
            raise Unavailable(f"a small disk needs the right to mount: {error}") from error

    def _mounted(self) -> bool:
        return os.path.ismount(self._seen())

    def _seen(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self._folder}")

    def unmount(self) -> None:
        """End the disk and what is on it."""
        self._holder.kill()

    def within(self, command: list[str]) -> list[str]:
        """Return the command that runs a command where the disk is mounted."""
        as_we_are = ["--preserve-credentials"] if self._user else []
        return ["nsenter", "--target", str(self._holder.pid), "--mount", *self._user, *as_we_are, *command]

    def fill(self) -> None:
        """Write until no room is left."""
        with (self._seen() / "ballast").open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(_BLOCK)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def free(self) -> None:
        """Remove what `fill` wrote."""
        (self._seen() / "ballast").unlink(missing_ok=True)
