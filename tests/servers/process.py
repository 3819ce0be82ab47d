"""A server as a process in a group of its own: start, kill, pause, resume, stop; it never outlives its parent."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["LEASH", "Process", "ServerError", "free_port", "listens", "memory_mb", "wait_until"]

LEASH = (sys.executable, "-I", "-S", str(Path(__file__).with_name("leash.py")))  # then the command
_SHOWN = 4_000  # characters of the log in an error
_STOP_S = 20.0
# Below the range of outgoing connections, so that a port is still free when its server comes back.
_PORTS = range(20_000, 32_000)
_GIVEN: set[int] = set()


class ServerError(RuntimeError):
    """A server did not start; the message has the end of its log."""


class Process:
    """One server process with its log; `start` again after `kill` or `stop`."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log = name, log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id while it runs."""
        if self._child is None:
            raise ServerError(f"{self.name} is not running")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._child is not None and self._child.poll() is None

    def start(self, command: Sequence[str], ready: Callable[[], bool], within_s: float = 60.0) -> None:
        """Run a command and wait until `ready()`; raises ServerError when it ends before or takes longer."""
        if self.running:
            raise ServerError(f"{self.name} is running already")
        self._forget()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*LEASH, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._alive() and ready(), within_s, f"{self.name} to answer")
        except BaseException as error:
            self.kill()
            if isinstance(error, TimeoutError):
                raise ServerError(f"{error}\n{self.tail(_SHOWN)}") from error
            raise

    def _alive(self) -> bool:
        if not self.running:
            raise ServerError(f"{self.name} ended while starting:\n{self.tail(_SHOWN)}")
        return True

    def tail(self, characters: int) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def pause(self) -> None:
        """Stop the process where it stands: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)  # its threads stop one by one, and might answer until then

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the process with SIGKILL; nothing happens when it does not run."""
        if self.running:
            self._signal(signal.SIGKILL)
        self._forget()

    def stop(self) -> None:
        """Ask the process to end, and kill it if it has not after 20 s."""
        if self.running:
            self._signal(signal.SIGCONT)
            self._signal(signal.SIGTERM)
            try:
                if self._child is not None:
                    self._child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        self._forget()

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            self._child.send_signal(number)

    def _forget(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.wait()
            if child.stdin is not None:
                child.stdin.close()


def wait_until(done: Callable[[], bool], within_s: float, what: str, every_s: float = 0.02) -> None:
    """Poll until `done()` is true; raises TimeoutError saying what did not happen."""
    deadline_s = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        time.sleep(every_s)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now, and that nobody else of this run of tests is given.

    A server that was killed finds its port free when it comes back, also where pytest-xdist runs tests in several processes.
    """
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = _PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]
    choose = random.SystemRandom()
    while True:
        port = choose.choice(mine)
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port


def listens(port: int) -> bool:
    """Return whether somebody listens on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def memory_mb(pid: int, *, peak: bool = False) -> float:
    """Return the resident memory of a running process, now or at its highest, in units of 2**20 bytes."""
    name, status = "VmHWM" if peak else "VmRSS", Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (kib,) = re.findall(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
    return int(kib) / 1024
