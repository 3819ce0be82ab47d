"""A disk whose power is cut: an ext4 file system on a loop device, for whoever may mount one.

The file system is shut down at once (EXT4_IOC_SHUTDOWN without a flush of its journal, as xfstests do it): what had not
been synced, or written back meanwhile, is not there when it is mounted again. The cache of a drive is not part of it.
"""

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import ioctl
from pathlib import Path

from tests.fixtures.servers.process import wait_until

__all__ = ["Disk", "disk", "why_not"]

_SHUTDOWN, _NO_FLUSH = 0x8004587D, 2


class Disk:
    """A mounted disk.

    Parameters
    ----------
    folder
        Where its image and its mount point are made.
    """

    def __init__(self, folder: Path) -> None:
        self._image, self.path = folder / "disk.img", folder / "disk"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(4 << 30)
        _run("mkfs.ext4", "-q", "-F", str(self._image))
        self.mount()

    def mount(self) -> None:
        """Mount it; its journal is replayed, and nothing is written back before it has to be."""
        _run("mount", "-o", "loop,commit=300", str(self._image), str(self.path))

    def cut(self) -> None:
        """Cut the power: nothing is written from now on."""
        place = os.open(self.path, os.O_RDONLY)
        try:
            ioctl(place, _SHUTDOWN, struct.pack("I", _NO_FLUSH))
        finally:
            os.close(place)

    def again(self) -> None:
        """Give it power again, once nobody has a file of it open."""
        self.unmount()
        self.mount()

    def unmount(self) -> None:
        """Unmount it, once nobody has a file of it open."""
        wait_until(lambda: _run("umount", str(self.path), check=False) == 0, 20, "the disk to be let go of")


@contextmanager
def disk(folder: Path) -> Iterator[Disk]:
    """Make a disk, and take it away in the end."""
    made = Disk(folder)
    try:
        yield made
    finally:
        with suppress(AssertionError, TimeoutError):
            made.unmount()


def why_not() -> str:
    """Return why a disk cannot be made here; "" if it can."""
    if os.geteuid() != 0:
        return "only root may mount a disk whose power can be cut"
    return "" if Path("/dev/loop-control").exists() else "there are no loop devices"


def _run(*command: str, check: bool = True) -> int:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.returncode
