"""Lists the reasons why an event is refused: stable codes, each with what it means."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from streams.edge.redact import shown

__all__ = ["DENIED", "REASONS", "Refused", "refused"]

DENIED = "consent_denied"  # no fault of the event: it is counted, and nothing of it is kept

REASONS: dict[str, str] = {
    "not_json": "the line is not one JSON object in UTF-8",
    "too_large": "the event, a text in it or its properties are larger than allowed",
    "missing_field": "a required field is absent",
    "unknown_field": "`data` has a field that the contract does not know; put it into `properties`",
    "wrong_type": "a field has another JSON type than the contract asks for",
    "bad_value": "a field has a value that the contract does not allow",
    "bad_time": "the time is not RFC 3339 with an offset",
    "time_ahead": "the time is more than a day ahead of our clock",
    "time_too_old": "the time is before 1900",
    "no_handle": "no handle is given, or every one names nobody (null, anonymous, zeros, ...)",
    "too_many_handles": "more than 8 handles",
    "no_currency": "an amount without a currency",
    "not_granted": "the write key may not say this: another brand, channel or source than it was given",
}

_BY_ERROR = {
    "json_invalid": "not_json",
    "missing": "missing_field",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_large",
    "too_long": "too_many_handles",
    "datetime_from_date_parsing": "bad_time",
    "datetime_parsing": "bad_time",
    "datetime_object_invalid": "bad_time",
}

_HANDLES = "/data/handles"
_EMPTY = {"too_short", "string_too_short"}
_NO_HANDLE = "names nobody: an event has at least one handle, and none is empty"

_LONGEST = 120  # characters of a message; pydantic lists all currencies


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """An error of a refused event: the code of the reason, and where and what in words."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def refused(error: ValidationError) -> Refused:
    """Say in our words what pydantic found first, with a JSON pointer; values are never quoted (they may be personal)."""
    problem = _first(error.errors(include_url=False, include_input=False, include_context=False))
    pointer = "".join("/" + _escaped(part) for part in problem["loc"][:3])
    message = problem["msg"] if len(problem["msg"]) <= _LONGEST else "not one of the values that are allowed"
    code = _code(problem["type"], pointer)
    if code == "no_handle":
        message = _NO_HANDLE
    elif pointer == "/datacontenttype" and problem["type"] == "string_pattern_mismatch":
        message = "not a media type of JSON"
    return Refused(code, f"{pointer or '/'}: {message.removeprefix('Value error, ')}")


def _first(problems: list[ErrorDetails]) -> ErrorDetails:
    # A handle is one text or a list of them, and pydantic says why it is not either: the reading that was meant
    # is the one whose JSON type is right.
    of_field = [problem for problem in problems if problem["loc"][:3] == problems[0]["loc"][:3]]
    return next((problem for problem in of_field if not problem["type"].endswith("_type")), of_field[0])


def _escaped(part: str | int) -> str:
    return (str(part) if isinstance(part, int) else shown(part)).replace("~", "~0").replace("/", "~1")


def _code(error_type: str, pointer: str) -> str:
    if pointer == "/time" and error_type != "missing":
        return "wrong_type" if error_type.endswith("_type") else "bad_time"
    if pointer.startswith(_HANDLES) and error_type in _EMPTY:
        return "no_handle"
    if not pointer and error_type.endswith("_type"):
        return "not_json"
    if error_type in _BY_ERROR:
        return _BY_ERROR[error_type]
    return "wrong_type" if error_type.endswith("_type") else "bad_value"
