"""What tests cost: seconds of CPU of each, with its children, where JOURNEY_TEST_COST names a file that a line each is added to.

    JOURNEY_TEST_COST=/tmp/cost.ndjson python -m pytest tests/cli
    python -m tests.cost /tmp/cost.ndjson          # by package, by module, and the twenty dearest tests

CPU is counted, not time: other work on the machine does not change it much. What a server does in the background is
counted to the test that runs meanwhile, the start of shared servers to the first that asks for them.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

_TICKS = os.sysconf("SC_CLK_TCK")
_SHOWN = 20


class Cost:
    """Measures each test of this process and adds a line to the file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._started = 0
        sys.addaudithook(self._audit)

    def _audit(self, event: str, _arguments: object) -> None:
        if event in {"subprocess.Popen", "os.fork"}:
            self._started += 1

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        cpu, since, started = cpu_s(), time.monotonic(), self._started
        result = yield
        line = {
            "test": item.nodeid,
            "cpu_s": round(cpu_s() - cpu, 3),
            "wall_s": round(time.monotonic() - since, 3),
            "processes": self._started - started,
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return result


def cpu_s() -> float:
    """Return the CPU time of this process and of all that descend from it, those that have ended too."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:  # it has ended meanwhile
                continue
            fields = stat.rpartition(")")[2].split()
            pid, parent = int(folder.name), int(fields[1])
            children.setdefault(parent, []).append(pid)
            used[pid] = sum(
                map(int, fields[11:15])
            )  # user and system, its own and of children that it waited for
    total, todo = 0, [os.getpid()]
    while todo:
        pid = todo.pop()
        total += used.get(pid, 0)
        todo += children.get(pid, [])
    return total / _TICKS


def told(lines: list[str]) -> str:
    """Return tables of what was measured, the dearest first."""
    tests = [json.loads(line) for line in lines]
    parts = []
    for title, name in (
        ("package", lambda test: test["test"].split("/")[1]),
        ("module", lambda test: test["test"].split("::")[0].removeprefix("tests/")),
        ("test", lambda test: test["test"].removeprefix("tests/")),
    ):
        cpu, wall, processes, count = Counter(), Counter(), Counter(), Counter()
        for test in tests:
            group = name(test)
            cpu[group] += test["cpu_s"]
            wall[group] += test["wall_s"]
            processes[group] += test["processes"]
            count[group] += 1
        shown = cpu.most_common(None if title == "package" else _SHOWN)
        parts.append(f"{'CPU s':>8} {'wall s':>8} {'tests':>6} {'processes':>9}  {title}")
        parts += [
            f"{spent:8.1f} {wall[group]:8.1f} {count[group]:6} {processes[group]:9}  {group}"
            for group, spent in shown
        ]
        parts.append(f"{sum(cpu.values()):8.1f} {sum(wall.values()):8.1f} {len(tests):6}  in all\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(told(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
