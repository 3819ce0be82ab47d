"""`journey listen` as a process, and how far it has come."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.collector.server import Collector
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until
from tests.real_workers.process import Process

__all__ = ["Listener"]


class Listener:
    """A listener that sends to a collector; `words` are its command and options."""

    def __init__(self, folder: Path, collector: Collector, key: str, *words: str, **more: str) -> None:
        self.folder, self.state = folder, folder / "state"
        self._command = [str(commands.JOURNEY), "listen", *words, "--state", str(self.state)]
        self._collector = collector
        self._environment = os.environ | {"JOURNEY_WRITE_KEY": key, "TZ": "UTC"} | more
        self.process: Process | None = None

    def start(self, *words: str, **more: str) -> "Listener":
        self.kill()
        command = [*self._command, "--collector", self._collector.url, *words]
        self.process = Process(command, self._environment | more, self.folder / "listener.log")
        return self

    def run_to(self, cursor: object, within_s: float = 30) -> None:
        """Wait until the collector has everything up to a cursor."""
        wait_until(
            lambda: self.cursor == str(cursor) or not self._goes_on(),
            within_s,
            f"{cursor}: {self.log}",
            every_s=0.02,
        )
        assert self.cursor == str(cursor), self.log

    def _goes_on(self) -> bool:
        return self.process is not None and self.process.running

    @property
    def cursor(self) -> str:
        return str((self._row("SELECT cursor FROM position") or [""])[0])

    def _row(self, query: str) -> tuple | None:
        files = list(self.state.glob("*.sqlite"))
        if not files:
            return None
        try:
            with closing(sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True)) as db:
                return db.execute(query).fetchone()
        except sqlite3.OperationalError:  # it is being made
            return None

    @property
    def log(self) -> str:
        return (self.folder / "listener.log").read_text(errors="replace")

    def stop(self) -> int:
        assert self.process is not None
        return self.process.stop()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
