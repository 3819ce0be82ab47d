"""The command line, in this process: as a user types it, with what it prints."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import run
from tests.fixtures.directories import with_evening, with_tables

EVENING = "schemas/examples/evening.ndjson"
NIGHT = "2026-10-17T23:59:00+02:00"


class Journey:
    """Runs `journey` commands on one data directory."""

    def __init__(
        self, data: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.data = data
        self._capfd = capfd
        self._monkeypatch = monkeypatch
        self.printed = self.errors = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command, assert its exit code, return what it printed."""
        assert self.status(*words) == code, self.printed + self.errors
        return self.printed

    def status(self, *words: str) -> int:
        """Run a command and return its exit code."""
        self._capfd.readouterr()
        alone = words[0] in {"simulate", "schema"} or words[:2] == ("spikes", "score")
        store = [] if alone else ["--data", str(self.data)]
        self._monkeypatch.setattr(sys, "argv", ["journey", *words, *store])
        with pytest.raises(SystemExit) as stopped:
            run()
        self.printed, self.errors = self._capfd.readouterr()
        return stopped.value.code or 0

    def evening(self, **environment: str) -> None:
        """Have the bundled evening in the data directory, as if it had been loaded."""
        shutil.rmtree(self.data)
        with_evening(self.data, **environment)

    def json(self, *words: str) -> Any:
        """Run a command with --json and return what it printed."""
        return json.loads(self(*words, "--json"))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        return [json.loads(line) for line in self("sql", query, "--format", "JSONEachRow").splitlines()]


@pytest.fixture
def journey(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Journey:
    """A data directory of its own for one test."""
    return Journey(with_tables(tmp_path / "data"), capfd, monkeypatch)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write events, or raw lines, to a file."""

    def written(*events: dict[str, Any] | str, name: str = "events.ndjson") -> Path:
        path = tmp_path / name
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return written


def event(
    number: int | str, type_: str = "web.page_view", time: str = "2026-11-01T12:00:00Z", **data: Any
) -> dict[str, Any]:
    """Return a valid event."""
    handles = data.pop("handles", {"cookie": "c-1"})
    brand = data.pop("brand", "acme")
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "test",
        "type": type_,
        "time": time,
        "data": {"brand": brand, "handles": handles, **data},
    }
