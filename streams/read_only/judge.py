"""Judges a reader's statement: checks the syntax tree of ClickHouse's own parser against the allow-lists.

Nothing is looked for in a statement's text. Kinds of nodes, functions, table functions, tables and settings must be
on an allow-list, so a feature of a later version of ClickHouse is refused until somebody has reviewed it. The
connections that run statements have no access to files or hosts besides (streams.store.confined).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from streams.read_only.functions import SYSTEM_TABLES, TABLE_FUNCTIONS, is_allowed, is_refused
from streams.read_only.nodes import ANYWHERE, KINDS, STATEMENTS
from streams.store.analysts import HIDDEN

__all__ = ["Reach", "RefusedError", "Verdict", "judge"]

Node = Mapping[str, Any]

_MOST_NODES = 200_000
_SELECTS = frozenset({"SelectWithUnionQuery", "SelectIntersectExceptQuery", "SelectQuery"})
_EXPLAINED = frozenset(
    {"EXPLAIN", *(f"EXPLAIN {kind}" for kind in ("AST", "ESTIMATE", "PIPELINE", "QUERY TREE", "SYNTAX"))}
)
_INFORMATION = frozenset({"information_schema", "INFORMATION_SCHEMA"})
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAMED = 2  # parts of a name, with its database
_WRITING = "INTO OUTFILE writes a file: take the answer from the connection"


class RefusedError(ValueError):
    """An error of a statement that readers may not run; the message says why."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The tables and functions that readers may use.

    Attributes
    ----------
    database
        Where their tables are; others are refused, but for those that describe the engine.
    views
        Views of that database with parameters, which are called like table functions.
    functions
        Every function of the engine, in lower case: no name in a statement may take one's place.
    databases
        Every database of the engine: what is named so is no table of the statement.
    settings
        That a statement may have.
    """

    database: str
    views: AbstractSet[str] = frozenset()
    functions: AbstractSet[str] = frozenset()
    databases: AbstractSet[str] = frozenset()
    settings: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The facts about a statement that may run.

    Attributes
    ----------
    selects
        Whether it is a SELECT, and no SHOW, DESCRIBE, EXISTS or EXPLAIN.
    format
        Of the answer; "" where it names none.
    parameters
        Names of those that it needs.
    settings
        Of the whole statement and of its parts, by name, for the connection that runs it to have already.
    """

    selects: bool
    format: str = ""
    parameters: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)


def judge(tree: Node, reach: Reach, kinds: Mapping[str, AbstractSet[str]] = KINDS) -> Verdict:
    """Let a statement pass, or say why not.

    Parameters
    ----------
    tree
        What `parseQueryToJSON` makes of it.
    kinds
        Of nodes that it may have, with their parts.

    Raises
    ------
    RefusedError
        It does something else than read the tables, or something that is not known here.
    """
    kind = str(tree.get("type", "nothing"))
    if kind not in STATEMENTS:
        raise RefusedError(f"{kind} is not for readers: there are SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN")
    judgement = _Judgement(reach, list(_nodes(tree, kinds)))
    for node in judgement.nodes:
        judgement.check(node)
    named = tree.get("format_ast", {}).get("name", "")
    return Verdict(kind in _SELECTS, named, frozenset(judgement.parameters), judgement.settings)


def _nodes(tree: Node, kinds: Mapping[str, AbstractSet[str]]) -> Iterator[Node]:
    """Walk every node, each seen to be of a known kind with known parts."""
    waiting, seen = [tree], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        if seen > _MOST_NODES:
            raise RefusedError(f"a statement has at most {_MOST_NODES:,} parts")
        waiting.extend(_children(node, kinds))
        yield node


def _children(node: Node, kinds: Mapping[str, AbstractSet[str]]) -> list[Node]:
    kind = str(node.get("type"))
    if kind not in kinds:
        raise RefusedError(f"{kind} is not for readers: it is not known what it reaches")
    if "out_file" in node:
        raise RefusedError(_WRITING)
    if unknown := node.keys() - kinds[kind] - ANYWHERE:
        if kind in {"Identifier", "TableIdentifier"}:
            raise RefusedError("a parameter is no name of a column or table here: write it out")
        raise RefusedError(
            f"{kind} with {min(unknown)} is not for readers: it is not known what that reaches"
        )
    if kind in {"Literal", "SetQuery"}:
        return []
    return [child for name, part in node.items() if name not in ANYWHERE for child in _below(part)]


def _below(part: object) -> Iterator[Node]:
    """Return the nodes that are one part of a node; the rest is plain values."""
    if isinstance(part, Mapping):
        yield part
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for one in part:
            yield from _below(one)


class _Judgement:
    """The state of the check of one statement, node by node."""

    def __init__(self, reach: Reach, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.parameters: set[str] = set()
        self.settings: dict[str, str] = {}
        self._reach = reach
        self._called = {id(node["table_function"]) for node in nodes if "table_function" in node}
        self._explaining = {
            id(node["settings"]) for node in nodes if node["type"] == "ExplainQuery" and "settings" in node
        }
        self._queries = {node["name"] for node in nodes if node["type"] == "WithElement"}
        self._lambdas = {str(node.get("alias")) for node in nodes if node.get("is_lambda_function")}
        self._names = self._queries | {str(node["alias"]) for node in nodes if "alias" in node}
        self._names |= {_parts(node)[-1] for node in nodes if node["type"] == "TableIdentifier"}

    def check(self, node: Node) -> None:
        """See that one node reaches the tables only."""
        match node["type"]:
            case "Function":
                self._check_function(node)
            case "Identifier":
                self._check_identifier(node)
            case "TableIdentifier":
                self._check_table(_parts(node))
            case "ColumnsApplyTransformer":
                self._check_name(str(node.get("func_name", "")) or "lambda")
            case "SetQuery":
                self._check_settings(node)
            case "QueryParameter":
                self._check_parameter(node)
            case "ExplainQuery" | "ShowTablesQuery" | "ShowColumnsQuery" | "ShowIndexesQuery":
                self._check_statement(node)
            case "SelectWithUnionQuery":
                _check_answer(node)

    def _check_function(self, node: Node) -> None:
        name = str(node["name"])
        if id(node) in self._called:
            own = name.removeprefix(f"{self._reach.database}.") in self._reach.views
            if not own and name.lower() not in TABLE_FUNCTIONS:
                raise RefusedError(
                    f"the table function {name} is not for readers: it reaches beyond the tables"
                )
            return
        self._check_name(name)
        if name.lower().endswith("in"):
            self._check_set(node)

    def _check_name(self, name: str) -> None:
        if is_allowed(name):
            return
        if name in self._lambdas and name.lower() not in self._reach.functions and not is_refused(name):
            return
        raise RefusedError(
            f"the function {name} is not for readers: it is not known, or reaches beyond the tables"
        )

    def _check_set(self, node: Node) -> None:
        """See what an identifier after IN is, which may be a table."""
        for one in node.get("arguments", {}).get("children", [])[1:]:
            parts = _parts(one) if one["type"] == "Identifier" else []
            if len(parts) == _NAMED and parts[0] not in self._names - self._reach.databases:
                self._check_table(parts)

    def _check_identifier(self, node: Node) -> None:
        *within, last = _parts(node)
        if not within and is_refused(last):  # arrayMap(file, …) calls it
            raise RefusedError(f"{last} is not for readers, not even as a name: it reaches beyond the tables")
        if last in HIDDEN and len(within) <= 1:  # an identifier may be a table, as in `x IN t`
            raise RefusedError(f"the table {last} is not for readers")
        if within == ["system"] and last not in SYSTEM_TABLES:
            raise RefusedError(f"system.{last} is not for readers")

    def _check_table(self, parts: Sequence[str]) -> None:
        *within, table = parts
        if table in HIDDEN:
            raise RefusedError(f"the table {table} is not for readers")
        if not within and table in self._queries:
            return
        if len(parts) > _NAMED or not _WORD.fullmatch(table):
            raise RefusedError(f"there is no table {'.'.join(parts)} for readers")
        if within:
            self._check_database(within[0])
            if within == ["system"] and table not in SYSTEM_TABLES:
                raise RefusedError(f"system.{table} is not for readers")

    def _check_database(self, name: str) -> None:
        if name not in {self._reach.database, "system", *_INFORMATION}:
            raise RefusedError(
                f"there is no database {name} for readers: tables are in {self._reach.database}"
            )

    def _check_settings(self, node: Node) -> None:
        for change in node["changes"]:
            name, value = str(change["name"]), change["value"]
            if id(node) in self._explaining and value.get("field_type") in {"UInt64", "Bool"}:
                continue
            if name not in self._reach.settings:
                raise RefusedError(f"readers do not change the setting {name}")
            if not isinstance(value["value"], str | int | float):
                raise RefusedError(f"the setting {name} comes with the request, not in the statement")
            self.settings[name] = str(value["value"])

    def _check_parameter(self, node: Node) -> None:
        if node["param_type"] == "Identifier":
            raise RefusedError("a parameter is no name of a column or table here: write it out")
        self.parameters.add(str(node["name"]))

    def _check_statement(self, node: Node) -> None:
        _check_answer(node)
        if "from" in node:
            self._check_database(_parts(node["from"])[-1])
        if "table" in node:
            self._check_table([part for part in (node.get("database"), node["table"]) if part])
        if node["type"] == "ExplainQuery" and (
            node["kind"] not in _EXPLAINED or node.get("query", {}).get("type") not in _SELECTS
        ):
            raise RefusedError(f"{node['kind']} is not for readers but of a SELECT")


def _check_answer(node: Node) -> None:
    if (
        node.get("is_outfile_append")
        or node.get("is_outfile_truncate")
        or node.get("is_into_outfile_with_stdout")
    ):
        raise RefusedError(_WRITING)


def _parts(node: Node) -> list[str]:
    """Return the parts of a name, with the database before the table."""
    parts = [str(part) for part in node.get("name_parts") or [node.get("name", "")]]
    if not all(parts):
        raise RefusedError("a name has no letter")
    return parts
