"""What a reader may ask: the statement as ClickHouse itself parsed it, held against lists of what is harmless.

The connection that runs it is read-only besides, which refuses writes, settings and most table functions. This is for
what that lets through: files by the function `file` and INTO OUTFILE, other hosts by functions of object stores, KILL
and BACKUP, and tables that are none of a reader's business.
"""

import re
from collections.abc import Set as AbstractSet

from streams.analysts import HIDDEN

__all__ = ["RefusedError", "allow", "bare", "has_format"]

_STATEMENTS = frozenset(
    """SelectWithUnionQuery SelectIntersectExceptQuery Explain DescribeQuery ShowTables ShowColumns ShowFunctions
    ShowCreateTableQuery ShowCreateViewQuery ShowCreateDatabaseQuery ExistsTableQuery ExistsViewQuery
    ExistsDatabaseQuery""".split()  # noqa: SIM905 - names, to be read
)
_HARMLESS = frozenset(
    "numbers numbers_mt zeros zeros_mt primes generate_series generateseries values view null format".split()  # noqa: SIM905 - names, to be read
)
_NEVER = re.compile(
    r"\b(file|catboostEvaluate|joinGet|joinGetOrNull|ai_?(?:redact|similarity|filter|classify|embed|extract|generate|translate)\w*)\b",
    re.IGNORECASE,
)
_SYSTEM = frozenset(
    """aggregate_function_combinators build_options codecs collations columns completions constraints
    data_skipping_indices data_type_families database_engines databases dictionaries documentation formats functions
    keywords licenses numbers numbers_mt one parts parts_columns projections settings table_engines
    table_functions tables time_zones zeros zeros_mt""".split()  # noqa: SIM905 - names, to be read
)
_INFORMATION = frozenset({"information_schema", "INFORMATION_SCHEMA"})
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_NAME = re.compile(r"`((?:[^`\\]|\\.)*)`", re.DOTALL)
_NODE = re.compile(r" *(\w+) ?(.*?)(?: \(alias .*\))?(?: \(children \d+\))?")


class RefusedError(ValueError):
    """A statement that readers may not run; the message says why."""


def bare(statement: str) -> str:
    r"""Return a statement, in ClickHouse's own formatting, with empty strings and plain names.

    Raises
    ------
    RefusedError
        A name has an escape: what is told of its parts line by line could not be believed.

    >>> bare(r"SELECT 'into \' outfile', `a b` FORMAT CSV")
    "SELECT '', a_b FORMAT CSV"
    """

    def plain(found: re.Match[str]) -> str:
        if "\\" in found[1]:
            raise RefusedError(f"the name {found[0]} has an escape: give it another one")
        return re.sub(r"\W", "_", found[1])

    return _NAME.sub(plain, _STRING.sub("''", statement))


def has_format(plain: str) -> str:
    """Return the format that a bare statement asks for, "" for none.

    >>> has_format("SELECT 1 FORMAT JSON"), has_format("SELECT 1")
    ('JSON', '')
    """
    found = re.search(r" FORMAT (\w+)(?: SETTINGS .*)?$", plain)
    return found[1] if found else ""


def allow(plain: str, syntax: str, *, database: str, table_functions: AbstractSet[str]) -> None:
    """Let a statement pass, or say why not.

    Parameters
    ----------
    plain
        The bare statement.
    syntax
        What EXPLAIN AST says of it: a line for each part, the statement's kind first.
    database
        Where the reader's tables are; tables of others are refused, but for those that describe the engine.
    table_functions
        Names of every table function of the engine, in lower case.

    Raises
    ------
    RefusedError
        It does something else than read the tables.
    """
    if re.search(r"\bINTO OUTFILE\b", plain):
        raise RefusedError("INTO OUTFILE writes files: take the answer from the connection")
    if ":Identifier}" in plain:
        raise RefusedError("a parameter is no name of a column or table here: write it out")
    if found := _NEVER.search(plain):  # wherever it stands: arrayMap(file, …) calls it too
        raise RefusedError(f"{found[0]} is not for readers, not even as a name: it reaches beyond the tables")
    lines = [found.groups("") for line in syntax.splitlines() if (found := _NODE.fullmatch(line))]
    kind = lines[0][0] if lines else "nothing"
    if kind not in _STATEMENTS:
        raise RefusedError(f"{kind} is not for readers: there are SELECT, SHOW, DESCRIBE, EXISTS and EXPLAIN")
    forbidden = table_functions - _HARMLESS
    for node, what in lines:
        name = what.split(" ")[0]
        if node in {"InsertQuery", "Set", "ParallelWithQuery", "CreateQuery"}:
            raise RefusedError("readers change nothing, and no settings")
        if node == "Function" and name.lower() in forbidden:
            raise RefusedError(f"the function {name} is not for readers: it reaches beyond the tables")
        if node in {"TableIdentifier", "Identifier"}:
            _allow_table(name, database, is_table=node == "TableIdentifier")


def _allow_table(name: str, database: str, *, is_table: bool) -> None:
    *within, table = (part.strip("`") for part in name.split("."))
    if table in HIDDEN and (is_table or len(within) <= 1):  # an identifier may be one too, as in `x IN t`
        raise RefusedError(f"the table {table} is not for readers")
    if len(within) != 1:
        return
    (owner,) = within
    if owner == "system" and table not in _SYSTEM:
        raise RefusedError(f"{name} is not for readers")
    if is_table and owner not in {database, "system", *_INFORMATION}:
        raise RefusedError(f"there is no database {owner} for readers: tables are in {database}")
