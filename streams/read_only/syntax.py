"""Parses the tree of a SELECT from the output of EXPLAIN AST, for servers before 26.8, which have no JSON for it.

The output could mislead by names that look like a part of the tree. So only plain words are read as names: ClickHouse
puts every other name in backquotes when it formats a statement, and a statement that has one then is refused. What
the output leaves out (settings, parameters, functions of APPLY) is refused too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.read_only.judge import RefusedError

__all__ = ["DRAWN_KINDS", "drawn"]

_NODE = re.compile(r"( *)(\w+)(?: (.*?))?(?: \(alias (\w+)\))?(?: \(children \d+\))?")
_NAMED = frozenset({"Function", "Identifier", "TableIdentifier"})
_NAME = re.compile(r"\w+(?:\.\w+)*")
_BARE = """SelectIntersectExceptQuery SelectQuery TablesInSelectQuery TablesInSelectQueryElement TableJoin ArrayJoin
    SampleRatio Subquery WithElement ExpressionList Literal Asterisk QualifiedAsterisk ColumnsRegexpMatcher
    ColumnsListMatcher ColumnsTransformerList ColumnsExceptTransformer ColumnsReplaceTransformer OrderByElement
    InterpolateElement WindowListElement WindowDefinition"""

DRAWN_KINDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_BARE.split(), frozenset({"children"})),
    "SelectWithUnionQuery": frozenset({"children"}),
    "TableExpression": frozenset({"children", "table_function"}),
    "Function": frozenset({"name", "arguments", "children", "is_lambda_function"}),
    "Identifier": frozenset({"name_parts"}),
    "TableIdentifier": frozenset({"name_parts"}),
}
"""Kinds that a drawing may have, as `guard.judge` takes them."""


def drawn(text: str, lines: Sequence[str]) -> Mapping[str, Any]:
    """Return the tree of a statement in ClickHouse's own formatting, from the lines of EXPLAIN AST.

    Raises
    ------
    RefusedError
        The drawing does not say all that the statement does.
    """
    if "`" in text:
        raise RefusedError(
            "names must be words of letters, digits and _: on ClickHouse before 26.8 others are not read"
        )
    nodes = [_node(line) for line in lines if line.strip()]
    if not nodes or nodes[0][1]["type"] != "SelectWithUnionQuery":
        raise RefusedError(
            f"{nodes[0][1]['type'] if nodes else 'nothing'} is not for readers: there is SELECT"
        )
    above: list[dict[str, Any]] = []
    for depth, node in nodes:
        del above[depth:]
        if above:
            above[-1].setdefault("children", []).append(node)
        above.append(node)
    for _, node in nodes:
        _arrange(node)
    return nodes[0][1]


def _node(line: str) -> tuple[int, dict[str, Any]]:
    found = _NODE.fullmatch(line)
    if found is None:
        raise RefusedError("ClickHouse's drawing of the statement cannot be read")
    kind, what = found[2], found[3] or ""
    if kind == "Set":
        raise RefusedError("readers do not change settings")
    node: dict[str, Any] = {"type": kind} | ({"alias": found[4]} if found[4] else {})
    if kind in _NAMED:
        if not _NAME.fullmatch(what):
            raise RefusedError("a parameter is no name of a column or table here: write it out")
        node |= (
            {"name": what, "is_lambda_function": what == "lambda"}
            if kind == "Function"
            else {"name_parts": what.split(".")}
        )
    return len(found[1]), node


def _arrange(node: dict[str, Any]) -> None:
    """Give the children of a node their parts in it."""
    kind = node["type"]
    if kind == "SelectWithUnionQuery":
        for child in _others(node, "ExpressionList"):
            raise RefusedError(
                f"INTO OUTFILE, FORMAT and SETTINGS are not for a query within another ({child['type']})"
            )
    elif kind == "TableExpression":
        for called in _taken(node, "Function"):
            node["table_function"] = called
    elif kind == "Function":
        for arguments in _taken(node, "ExpressionList"):
            node.setdefault("arguments", {"type": "ExpressionList", "children": []})["children"] += (
                arguments.get("children", [])
            )


def _others(node: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    return (child for child in node.get("children", ()) if child["type"] != kind)


def _taken(node: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Take the children of one kind from a node."""
    children = node.pop("children", [])
    node["children"] = [child for child in children if child["type"] != kind]
    return [child for child in children if child["type"] == kind]
