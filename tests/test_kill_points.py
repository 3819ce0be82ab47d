"""Every write of the engine stands at a named fault point, so that a test can kill the process before and after it."""

import ast
import re
from pathlib import Path

import pytest

from streams.faults import BOUNDARIES
from streams.store.port import ALERT_TABLES, TABLES

STREAMS = Path(__file__).parents[1] / "streams"
# They write files that a user asked for, and nothing of ours: killed half-way, the command is given again.
OUTPUT = {
    "cli/docs.py",
    "cli/handbook.py",
    "cli/load.py",
    "cli/reference.py",
    "collector/reference.py",
    "inputs/simulate.py",
}
# The port: whoever implements it has the kill point.
PORTS = {"_store", "store", "meta_path", "super()"}

ALWAYS = {"insert_arrow", "insert_df", "raw_insert", "command", "executescript", "executemany",
          "write_text", "write_bytes", "rename"}  # fmt: skip
BY_SQL = {"execute", "query", "query_arrow", "raw_query", "rows", "arrow"}
WRITES = re.compile(r"^\s*(insert|delete|update|create|alter|drop|truncate|replace)\b", re.IGNORECASE)


class Walker(ast.NodeVisitor):
    """Collects writes that stand at no kill point, and the names of kill points that are used."""

    def __init__(self, tree: ast.Module) -> None:
        self.naked: list[str] = []
        self.used: set[str] = set()
        self.depth = 0
        self.texts = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.visit(tree)

    def visit_With(self, node: ast.With) -> None:
        names = [name for item in node.items for name in boundaries(item.context_expr)]
        self.used |= set(names)
        self.depth += bool(names)
        self.generic_visit(node)
        self.depth -= bool(names)

    def visit_Call(self, node: ast.Call) -> None:
        if self.depth == 0 and isinstance(node.func, ast.Attribute) and self.is_write(node, node.func):
            self.naked.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
        self.generic_visit(node)

    def is_write(self, node: ast.Call, method: ast.Attribute) -> bool:
        receiver = ast.unparse(method.value).rpartition(".")[2]
        if method.attr in ALWAYS:
            return receiver not in {"app", "write_app"}  # Typer's app.command
        if method.attr == "insert":
            return receiver not in PORTS
        return method.attr in BY_SQL and bool(node.args) and WRITES.match(self.text(node.args[0])) is not None

    def text(self, node: ast.expr) -> str:
        """Return what is known of a text at the place where it is written."""
        if isinstance(node, ast.Name):
            return self.text(self.texts[node.id]) if node.id in self.texts else ""
        if isinstance(node, ast.JoinedStr):
            return "".join(part.value if isinstance(part, ast.Constant) else "?" for part in node.values)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def boundaries(node: ast.expr) -> list[str]:
    """Return the names that `kill_point(...)` stands for here."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "kill_point"):
        return []
    name = node.args[0]
    if isinstance(name, ast.Constant):
        return [name.value]
    assert ast.unparse(name) == "f'insert.{table}'", f"cannot tell the boundary {ast.unparse(name)}"
    return [f"insert.{table}" for table in (*TABLES, *ALERT_TABLES)]


def walked(path: Path) -> Walker:
    return Walker(ast.parse(path.read_text(encoding="utf-8")))


FILES = {path.relative_to(STREAMS).as_posix(): path for path in sorted(STREAMS.rglob("*.py"))}


def test_every_write_stands_at_a_kill_point():
    naked = {name: walked(path).naked for name, path in FILES.items() if name not in OUTPUT}
    assert {name: found for name, found in naked.items() if found} == {}


def test_every_kill_point_that_is_used_has_a_name_on_the_list_and_every_name_is_used():
    used = set().union(*(walked(path).used for path in FILES.values()))
    assert used == set(BOUNDARIES)
    assert len(BOUNDARIES) == len(used)


def test_files_that_are_let_off_are_there():
    assert FILES.keys() >= OUTPUT


@pytest.mark.parametrize(
    "write",
    [
        "client.insert('models', rows)",
        "self.client.insert_arrow(table, rows)",
        "client.command(f'CREATE TABLE {name}')",
        "self._db.execute('INSERT INTO frames VALUES (1)')",
        "self._db.execute(SQL)",
        "self._db.executescript(anything)",
        "store.rows('  ALTER TABLE evidence DELETE WHERE 1')",
        "path.write_text('x')",
        "draft.rename(path)",
        "(data / 'key').write_bytes(key)",
    ],
)
def test_a_write_without_a_kill_point_is_found(write):
    source = f"SQL = '''\nDELETE FROM frames'''\ndef work():\n    {write}\n"
    assert len(Walker(ast.parse(source)).naked) == 1
    guarded = source.replace(f"    {write}", f"    with kill_point('log.append'):\n        {write}")
    assert Walker(ast.parse(guarded)).naked == []


@pytest.mark.parametrize(
    "read",
    [
        "store.rows('SELECT 1')",
        "self._db.execute(query)",
        "self._store.insert(table, rows)",
        "text.replace('a', 'b')",
    ],
)
def test_a_read_is_not_taken_for_a_write(read):
    assert Walker(ast.parse(f"query = 'SELECT 1'\n{read}\n")).naked == []
