"""What the servers have in common: a folder with settings, data and log, and the life of the process."""

import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from tests.servers.disk import Disk
from tests.servers.process import Process

__all__ = ["Server"]

_LOG = 100_000


class Server(ABC):
    """A server in a folder of its own, which `close` removes; `disk_mb` puts its data on a disk of that size.

    A server ends with the process that made it, however that ends.
    """

    def __init__(self, name: str, folder: Path | None, disk_mb: int | None) -> None:
        self.folder = folder if folder is not None else Path(tempfile.mkdtemp(prefix="journey-"))
        self.data = self.folder / "data"
        self.data.mkdir(parents=True)
        self._disk = None if disk_mb is None else Disk(self.data, disk_mb, self.folder / "disk.log")
        self._process = Process(name, self.folder / "server.log")
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._prepared = False

    @abstractmethod
    def _prepare(self) -> None:
        """Write settings and lay out the data, once."""

    @abstractmethod
    def _command(self) -> list[str]:
        """Return the command that runs the server."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether the server can be used."""

    def _on_disk(self, command: list[str]) -> list[str]:
        return command if self._disk is None else self._disk.within(command)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start and wait until it answers; after `kill` or `stop`, on the same ports with the same data."""
        if self._disk is not None:
            self._disk.mount()
        if not self._prepared:
            self._prepare()
            self._prepared = True
        self._process.start(self._on_disk(self._command()), self._answers)

    def restart(self) -> None:
        """Kill the server if it runs and start it on the same ports with the same data."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """Kill the process with SIGKILL; nothing happens when it does not run."""
        self._process.kill()

    def stop(self) -> None:
        """Ask the process to end in order, and wait until it has."""
        self._process.stop()

    def pause(self) -> None:
        """Stop the process where it stands: connections stay open and nothing answers."""
        self._process.pause()

    def resume(self) -> None:
        """Let a paused process go on."""
        self._process.resume()

    def close(self) -> None:
        """Kill the process and remove its folder."""
        self.kill()
        if self._disk is not None:
            self._disk.unmount()
        self._remove()

    def fill_disk(self) -> None:
        """Leave no room on the disk given by `disk_mb`."""
        self._own_disk().fill()

    def free_disk(self) -> None:
        """Take back what `fill_disk` did."""
        self._own_disk().free()

    def _own_disk(self) -> Disk:
        if self._disk is None:
            raise ValueError("only a server made with disk_mb has a disk that can be filled")
        return self._disk

    @property
    def pid(self) -> int:
        """Process id; raises ServerError when it does not run."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._process.running

    @property
    def log(self) -> str:
        """End of the server's log, at most 100,000 characters."""
        return self._process.tail(_LOG)
