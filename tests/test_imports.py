"""Dependencies point one way, the core is pure, and clock and environment are read in one place each."""

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("journey", "schemas", "streams")
MAY_IMPORT = {"journey": {"journey"}, "schemas": {"schemas", "journey"}, "streams": set(OURS)}
FILES = {
    path.relative_to(ROOT).as_posix(): path for part in OURS for path in sorted((ROOT / part).rglob("*.py"))
}

IMPURE = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns", "os.environ",
    "os.getenv", "os.putenv",
}  # fmt: skip
MAY_BE_IMPURE = {"streams/clock.py", "streams/environment.py"}
# Its own generator, from the seed that it is given; never the global one.
SEEDED = ("streams/inputs/simulation/", "streams/inputs/simulate.py")


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imported(module: ast.Module, *, typing_too: bool = True) -> set[str]:
    """Return the modules that are imported; without those under TYPE_CHECKING unless `typing_too`."""
    skipped = {
        inner
        for node in ast.walk(module)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing_too
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(module):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add(node.module)
    return found


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def attributes(module: ast.Module) -> set[str]:
    return {ast.unparse(node) for node in ast.walk(module) if isinstance(node, ast.Attribute)}


def test_streams_imports_schemas_imports_journey_and_never_the_other_way():
    for name, module in trees().items():
        assert tops(imported(module)) & set(OURS) <= MAY_IMPORT[name.partition("/")[0]], name


# Functions of their input and of tables that come with them.
PURE = {"idna", "numpy", "phonenumbers"}


def test_the_domain_imports_the_standard_library_and_pure_libraries_only():
    outside = {"os", "time", "random", "sqlite3", "socket", "subprocess", "pathlib"}
    for name, module in trees().items():
        if name.startswith("journey/"):
            assert tops(imported(module)) <= (sys.stdlib_module_names | PURE | {"journey"}) - outside, name


def test_clock_and_environment_are_read_where_they_belong():
    for name, module in trees().items():
        if not name.startswith("streams/cli/") and name not in MAY_BE_IMPURE:
            assert not attributes(module) & IMPURE, name


def test_nothing_is_random_but_the_simulation_and_that_from_its_seed():
    for name, module in trees().items():
        used = attributes(module)
        if not name.startswith(SEEDED):
            assert "random" not in imported(module), name
            assert not any(text.startswith(("np.random", "random.")) for text in used), name
        module_level = {text for text in used if text.startswith(("random.", "np.random."))}
        assert module_level <= {
            "random.Random",
            "np.random",
            "np.random.default_rng",
            "np.random.Generator",
        }, name


def test_one_module_imports_the_clickhouse_client():
    users = {
        name
        for name, module in trees().items()
        if "clickhouse_connect" in tops(imported(module, typing_too=False))
    }
    assert users == {"streams/store/clickhouse.py"}


def test_six_modules_import_sqlite():
    users = {name for name, module in trees().items() if "sqlite3" in imported(module)}
    assert users == {
        "streams/log/local.py", "streams/recovery/salvage.py", "streams/recovery/torn_wal.py", "streams/collector/write_key_stores.py",
        "streams/backup/image.py", "streams/listen/state.py",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "found"),
    [("import os.path", {"os.path"}), ("def f():\n    from time import time", {"time"}), ("x = 1", set())],
)
def test_the_walk_sees_imports_wherever_they_stand(source, found):
    assert imported(ast.parse(source)) == found


def test_an_import_for_types_alone_is_told_apart():
    module = ast.parse("if TYPE_CHECKING:\n    from clickhouse_connect import get_client")
    assert imported(module) == {"clickhouse_connect"}
    assert imported(module, typing_too=False) == set()
