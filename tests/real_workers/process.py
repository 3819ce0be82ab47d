"""A worker or gateway as a process: its log, signals to it, and whether it stands still."""

import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fixtures import commands
from tests.fixtures.servers.process import LEASH

__all__ = ["Process"]

_CHATTER = re.compile(
    r"Kafka(TCPTransport|Connection)|IO loop|metadata|[Bb]ootstrap|Initializing conn|^[|+]|(Start|Wait)ing|oordinator"
)


class Process:
    """One process in a group of its own, with what it says in a file; it never outlives its parent."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        self._command, self._environment = list(command), dict(environment)
        self._start(self._environment)

    def _start(self, environment: Mapping[str, str]) -> None:
        with self.log.open("ab") as log:
            self._child = commands.Command(
                [*LEASH, *self._command],
                cwd=self.log.parent,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def restart(self) -> None:
        """Start it again, without a fault to strike."""
        self.kill()
        self._start({name: value for name, value in self._environment.items() if name != "JOURNEY_FAULT"})

    @property
    def running(self) -> bool:
        """Whether it is there, standing still or not."""
        return self._child.poll() is None

    @property
    def stands_still(self) -> bool:
        """Whether it was stopped by a signal."""
        try:
            with open(f"/proc/{self._child.pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 — not a file
                return stat.read().rpartition(")")[2].split()[0] == "T"
        except FileNotFoundError:
            return False

    def said(self, text: str) -> bool:
        """Whether the log has a text."""
        return text in self.log.read_text(errors="replace")

    def told(self, lines: int = 60) -> str:
        """Return the end of the log, without the chatter of Kafka's clients."""
        said = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in said if not _CHATTER.search(line)][-lines:])

    def pause(self) -> None:
        """Let it stand still where it is: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it; nothing happens when it does not run."""
        if self.running:
            self._signal(signal.SIGKILL)
            self._child.wait(10)
        self._child.stdin.close()

    def stop(self, seconds: float = 30) -> int:
        """Ask it to end, and return its exit code."""
        self._child.terminate()
        try:
            return self._child.wait(seconds)
        finally:
            self._child.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)
