"""Parses a reader's statement with ClickHouse, judges it, and formats the statement to run from the judged tree."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streams.read_only.judge import Reach, RefusedError, Verdict, judge
from streams.read_only.syntax import DRAWN_KINDS, drawn

__all__ = ["Ask", "Statement", "parsed", "reach", "read", "read_as"]

Ask = Callable[[str, Mapping[str, str]], Sequence[Sequence[Any]]]
"""Runs a query with parameters, whose values are given as they are, and returns its rows."""

_NAMING = "DESCRIBE TABLE|EXISTS TABLE|EXISTS VIEW|SHOW CREATE TABLE|SHOW CREATE VIEW"
_OF_DATABASES = "EXISTS DATABASE|SHOW CREATE DATABASE"
_ALL = "SELECT * FROM "


def read_as(text: str) -> str:
    """Return the expression of what a statement is judged as, for that of its text in ClickHouse's own formatting.

    ClickHouse's tree in JSON does not have the statements that name one table, view or database. These are judged as one
    that does, with the same end, and run with that very end.
    """
    named = f"replaceRegexpOne({text}, '^({_NAMING}) ', '{_ALL}')"
    of_databases = f"replaceRegexpOne({named}, '^({_OF_DATABASES}) ', 'SHOW TABLES FROM ')"
    return f"replaceRegexpOne({of_databases}, '^SHOW FUNCTIONS', 'SHOW TABLES')"


_QUESTION = f"""
    WITH formatQuerySingleLine({{sql:String}}) AS text, {read_as("text")} AS read
    SELECT hex(text), hex(read), hex(parseQueryToJSON(read))
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may run: its text in ClickHouse's own formatting, and the facts about it."""

    text: str
    judged: Verdict


def reach(ask: Ask, database: str) -> Reach:
    """Ask the engine what readers of a database get at."""

    def names(sql: str) -> frozenset[str]:
        return frozenset(str(name) for (name,) in ask(sql, {}))

    return Reach(
        database,
        views=names(f"SELECT name FROM system.tables WHERE database = '{database}' AND engine = 'View'"),
        functions=names("SELECT lower(name) FROM system.functions"),
        databases=names("SELECT name FROM system.databases"),
    )


def read(ask: Ask, sql: str, reach: Reach) -> Statement:
    """Have a statement parsed, and judge it.

    Raises
    ------
    RefusedError
        It is not for readers.
    Exception
        As `ask` has it, where ClickHouse cannot parse the statement.
    """
    if "\0" in sql:
        raise RefusedError("a statement has no NUL")
    if "parsequerytojson" not in reach.functions:
        return _read_drawing(ask, sql, reach)
    try:
        ((text, judged_as, tree),) = ask(_QUESTION, {"sql": sql})
    except Exception as error:
        if "does not support JSON serialization" in str(error):
            raise RefusedError(
                "this is not for readers: there are SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN"
            ) from error
        raise
    return parsed(text, judged_as, tree, reach)


def parsed(text: str, judged_as: str, tree: str, reach: Reach) -> Statement:
    """Judge a statement that was parsed; its text, what it is judged as and its tree are in hex.

    Raises
    ------
    RefusedError
        It is not for readers.
    """
    text, judged_as, tree = _text(text), _text(judged_as), _text(tree)
    return Statement(text, _judged(text, judged_as, _tree(tree), reach))


def _read_drawing(ask: Ask, sql: str, reach: Reach) -> Statement:
    """Read a SELECT from the drawing that a server before 26.8 makes of it."""
    ((written,),) = ask("SELECT hex(formatQuerySingleLine({sql:String}))", {"sql": sql})
    text = _text(written)
    if not text.startswith(("SELECT ", "WITH ", "(")):
        raise RefusedError(f"{text.partition(' ')[0]} is not for readers: there is SELECT")
    lines = [str(line) for (line,) in ask(f"SELECT * FROM (EXPLAIN AST {text})", {})]
    return Statement(text, judge(drawn(text, lines), reach, DRAWN_KINDS))


def _judged(text: str, judged_as: str, tree: Mapping[str, Any], reach: Reach) -> Verdict:
    try:
        found = judge(tree, reach)
        if text == judged_as:
            return found
        if judged_as.startswith(_ALL):
            _check_one_table(tree)
    except (AttributeError, KeyError, TypeError) as error:
        raise RefusedError("ClickHouse's tree of the statement has a form that is not known here") from error
    return replace(found, selects=False)


def _check_one_table(tree: Mapping[str, Any]) -> None:
    """See that a tree is of SELECT * FROM one table, function or subquery, and nothing else."""
    selects = tree["list_of_selects"]["children"]
    tables = selects[0].get("tables", {}).get("children", [])
    if (
        len(selects) != 1
        or selects[0].keys() - {"type", "select", "tables", "settings"}
        or selects[0]["select"]["children"] != [{"type": "Asterisk"}]
        or len(tables) != 1
        or tables[0].keys() != {"type", "table_expression"}
    ):
        raise RefusedError("this names one table, view, table function or subquery")


def _text(part: str) -> str:
    try:
        return bytes.fromhex(part.strip()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedError("the statement has bytes that are no UTF-8: write them as unhex('…')") from error


def _tree(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise RefusedError("the statement is nested too deep") from error
    except ValueError as error:
        raise RefusedError("ClickHouse's tree of the statement cannot be read") from error
    if not isinstance(found, dict):
        raise RefusedError("ClickHouse's tree of the statement cannot be read")
    return found
