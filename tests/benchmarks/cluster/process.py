"""Processes whose CPU and memory are measured: one that is started here, or any by its id."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fixtures.servers.process import LEASH

__all__ = ["Measured", "cpu_s"]

_TICKS = os.sysconf("SC_CLK_TCK")
_STOP_S = 60.0


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a running process so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Measured:
    """A process with its log; `stop` returns the CPU seconds of its whole life. It ends with the process that made it."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self._child = subprocess.Popen(
                [*LEASH, *command],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
                cwd=log.parent,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return (
            self._child.returncode is None
            and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        )

    def check(self) -> None:
        """Raise when it has ended by itself, with the end of its log."""
        if not self.running:
            raise RuntimeError(f"{self.log.stem} ended:\n{self.log.read_text(errors='replace')[-4000:]}")

    def stop(self) -> float:
        """Ask it to end; one that does not is killed, and what it used so far counts."""
        self._signal(signal.SIGTERM)
        until = time.monotonic() + _STOP_S
        while self.running and time.monotonic() < until:
            time.sleep(0.02)
        return self._end()

    def kill(self) -> float:
        """Kill it; return its CPU seconds."""
        return self._end()

    def _end(self) -> float:
        if self._child.returncode is not None:
            return 0.0
        self._signal(signal.SIGKILL)
        _, status, usage = os.wait4(self.pid, 0)
        self._child.returncode = os.waitstatus_to_exitcode(status)
        if self._child.stdin is not None:
            self._child.stdin.close()
        return usage.ru_utime + usage.ru_stime

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            os.killpg(self.pid, number)
