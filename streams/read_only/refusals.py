"""Words refusals of queries with ClickHouse's own codes and names, so that drivers recognise them."""

import re
from typing import Final

__all__ = ["RefusedSettingError", "code_of", "tidied", "worded"]

_CODES: Final = {
    "CANNOT_PARSE_TEXT": 6,
    "BAD_ARGUMENTS": 36,
    "TIMEOUT_EXCEEDED": 159,
    "READONLY": 164,
    "TOO_MANY_SIMULTANEOUS_QUERIES": 202,
    "SETTING_CONSTRAINT_VIOLATION": 452,
    "AUTHENTICATION_FAILED": 516,
    "UNKNOWN_EXCEPTION": 1002,
}
_NAMES: Final = {code: name for name, code in _CODES.items()}
_TWICE = re.compile(
    r"(Code: \d+\. DB::Exception: )\1(.*) (\(\w+\)) \(version [^()]*(\([^()]*\))?\)\. \3", re.DOTALL
)


class RefusedSettingError(ValueError):
    """An error of a setting that a reader may not have; `code` is ClickHouse's."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def code_of(name: str) -> int:
    """Return ClickHouse's code for a name of its errors.

    >>> code_of("READONLY")
    164
    """
    return _CODES[name]


def worded(code: int, why: str) -> str:
    """Return a refusal as ClickHouse words it.

    >>> worded(164, "readers write nothing")
    'Code: 164. DB::Exception: readers write nothing. (READONLY)'
    """
    return f"Code: {code}. DB::Exception: {why.removesuffix('.')}. ({_NAMES[code]})"


def tidied(message: str) -> str:
    """Return an error of the engine as a server words it: some come with their code and name twice.

    >>> tidied("Code: 7. DB::Exception: Code: 7. DB::Exception: No. (NO) (version 26.9.2.1). (NO)")
    'Code: 7. DB::Exception: No. (NO)'
    """
    found = _TWICE.fullmatch(message)
    return f"{found[1]}{found[2]} {found[3]}" if found else message
