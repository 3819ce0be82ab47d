"""Lists the functions and tables that readers may name, and those that they may not."""

from functools import cache, lru_cache
from importlib.resources import files

__all__ = [
    "COMBINATORS",
    "SYSTEM_TABLES",
    "TABLE_FUNCTIONS",
    "allowed",
    "is_allowed",
    "is_refused",
    "refused",
]

TABLE_FUNCTIONS = frozenset(
    """format generate_series generateseries null numbers numbers_mt primes sqlstandardvalues values view zeros
    zeros_mt""".split()  # noqa: SIM905 - names, to be read
)
"""Table functions that reach nothing, in lower case; the SELECT of `view` is judged like any."""

SYSTEM_TABLES = frozenset(
    """aggregate_function_combinators build_options codecs collations columns completions constraints
    data_skipping_indices data_type_families database_engines databases dictionaries documentation formats functions
    keywords licenses numbers numbers_mt one parts parts_columns projections settings table_engines
    table_functions tables time_zones zeros zeros_mt""".split()  # noqa: SIM905 - names, to be read
)
"""Tables of the database `system` that describe the engine and its tables."""

COMBINATORS = tuple(
    """SimpleState OrDefault Distinct Resample ForEach ArgMax ArgMin OrNull Array Merge State Tuple Null Map
    If""".split()  # noqa: SIM905 - names, to be read
)
"""What may end the name of an aggregate function, several times over, as in `uniqIfMerge`; the longest first."""

_OF_THE_GRAMMAR = frozenset({"exists", "grouping", "lambda", "untuple"})


@cache
def allowed() -> frozenset[str]:
    """Return the functions that readers may call, in lower case."""
    return _listed("functions_allowed.txt")


@cache
def refused() -> frozenset[str]:
    """Return the functions that were looked at and are not for readers, in lower case."""
    return _listed("functions_refused.txt")


def _listed(name: str) -> frozenset[str]:
    text = files("streams.read_only").joinpath("lists", name).read_text("utf-8")
    return frozenset(line.lower() for line in text.splitlines() if not line.startswith("#"))


def is_refused(name: str) -> bool:
    """Return whether a name is one of a function that is not for readers, with or without combinators."""
    return any(one in refused() for one in _bases(name))


@lru_cache(4096)  # names come from outside
def is_allowed(name: str) -> bool:
    """Return whether readers may call a function.

    >>> [is_allowed(name) for name in ("COUNT", "uniqIfMerge", "uniqThetaIf", "file", "fileIf", "unheardOf")]
    [True, True, True, False, False, False]
    """
    if name.lower() in _OF_THE_GRAMMAR:
        return True
    return not is_refused(name) and any(one in allowed() for one in _bases(name))


def _bases(name: str) -> list[str]:
    """Return a name in lower case, and what is left of it without combinators."""
    found = [name.lower()]
    while ending := next((one for one in COMBINATORS if name.endswith(one) and name != one), None):
        name = name.removesuffix(ending)
        found.append(name.lower())
    return found
