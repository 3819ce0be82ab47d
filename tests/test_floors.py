"""The packages of streams/ lie on floors: a package imports what lies lower, and itself. Run this file to see the figures."""

import ast
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From the ground up; CONTRIBUTING.md says what each is for.
FLOORS = (
    "clock environment faults text",
    "process settings",
    "log mood",
    "edge http store",
    "read_only telemetry",
    "apath collector engine erasure inputs sql",
    "backup fencing handles listen recovery",
    "analysis audiences dead_letters feed kafka retention",
    "alerts beside embedded kept server workers",
    "app destinations page",
    "services",
    "cli",
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor.split()}
LOOSE = {"__init__", "app", "clock", "environment", "faults"}
_EVERYWHERE = {"clock", "environment", "faults", "text", "process", "settings"}
LIGHT = {
    "streams.kafka.publisher": {*_EVERYWHERE, "log", "mood", "edge", "kafka"},
    # Commands that ask no store.
    "streams.cli.keys": {*_EVERYWHERE, "cli", "collector"},
    "streams.cli.reference": {*_EVERYWHERE, "cli"},
    "streams.cli.simulate": {*_EVERYWHERE, "cli", "inputs"},
}
NOT_LOADED = {
    "streams.services.log_collector": {"page", "workers", "engine", "server"},
    "streams.services.kafka_collector": {"page", "workers", "embedded", "server"},
    "streams.services.server_page": {"workers", "embedded", "services.up"},
    "streams.kafka.gateway": {"page", "workers", "engine", "embedded", "server", "collector"},
    "streams.alerts.access": {"page", "workers", "engine", "embedded", "server", "collector"},
    "streams.cli.main": set(FLOOR_OF)
    - {"cli", "clock", "environment", "faults", "text", "process", "settings"},
}


def _modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((ROOT / "streams").rglob("*.py"))
    }


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def _imports(path: Path, modules: dict[str, Path]) -> list[str]:
    """Return the modules of streams/ that a module imports, for types too."""
    return [
        named if (named := f"{node.module}.{alias.name}") in modules else node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "streams"
        for alias in node.names
    ]


def _arrows() -> list[tuple[str, str]]:
    """Return every import from one package to another, as two modules."""
    modules = _modules()
    return [
        (module, target)
        for module, path in modules.items()
        for target in _imports(path, modules)
        if _room(module) != _room(target) and _room(module)
    ]


def test_nothing_lies_loose_and_every_package_has_a_floor():
    top = {path.stem for path in (ROOT / "streams").glob("*.py")}
    rooms = {path.parent.name for path in (ROOT / "streams").glob("*/__init__.py")}
    assert top == LOOSE
    assert rooms | top - {"__init__"} == set(FLOOR_OF)


def test_no_import_runs_up_or_along_a_floor():
    wrong = [(a, b) for a, b in _arrows() if FLOOR_OF[_room(a)] <= FLOOR_OF[_room(b)]]
    assert wrong == []


def test_no_package_is_in_a_circle():
    graph = defaultdict(set)
    for one, other in _arrows():
        graph[_room(one)].add(_room(other))
    assert set(TopologicalSorter(graph).static_order()) <= set(FLOOR_OF)


def test_an_import_in_a_function_has_its_reason():
    bare = []
    for name, path in _modules().items():
        lines = path.read_text(encoding="utf-8").splitlines()
        block: list[str] = []
        for number, line in enumerate([*lines, ""], 1):
            if "noqa: PLC0415" in line:
                block.append(line)
            elif block:
                bare += [f"{name}:{number}"] * (not any("PLC0415 - " in each for each in block))
                block = []
    assert bare == []


def test_every_package_says_what_it_is():
    for name, path in _modules().items():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name


@pytest.mark.parametrize("entry", [*LIGHT, *NOT_LOADED])
def test_an_entry_point_loads_no_more_than_it_needs(entry):
    loaded = _loaded(entry)
    rooms = {_room(module) for module in loaded} - {""}
    if entry in LIGHT:
        assert rooms <= LIGHT[entry]
        assert not {"clickhouse_connect", "chdb", "faust"} & set(loaded)
    else:
        assert not rooms & NOT_LOADED[entry]


def _loaded(entry: str) -> list[str]:
    """Return what is loaded once a module is imported in a fresh interpreter."""
    script = f"import sys, {entry}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split() if name.startswith("streams") or "." not in name]


if __name__ == "__main__":
    arrows = _arrows()
    up = [pair for pair in arrows if FLOOR_OF.get(_room(pair[0]), 0) <= FLOOR_OF.get(_room(pair[1]), 0)]
    print(
        f"{len(LOOSE) - 1} modules loose at the top, {len(FLOORS)} floors, {len(FLOOR_OF)} packages and modules on them"
    )
    print(
        f"{len({(_room(a), _room(b)) for a, b in arrows})} arrows between them ({len(arrows)} imports), {len(up)} not down"
    )
    for entry in (*LIGHT, *NOT_LOADED, "streams.services.up"):
        print(f"{entry}: {sum(name.startswith('streams.') for name in _loaded(entry))} modules of streams/")
