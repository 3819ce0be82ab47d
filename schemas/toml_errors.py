"""Parses and validates our TOML files, and formats each mistake: the key, its value, what is allowed."""

import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

__all__ = ["explain", "parsed"]

File = TypeVar("File", bound=BaseModel)

_SHOWN = 60  # characters of a wrong value in an error


def parsed(
    kind: type[File],
    text: str,
    *,
    name: str,
    mistake: type[ValueError],
    context: Mapping[str, Any] | None = None,
) -> File:
    """Return a TOML file of ours; `mistake` is raised with every key that is missing, unknown or out of range.

    Validators are given `context`.
    """
    try:
        return kind.model_validate(tomllib.loads(text), context=context)
    except tomllib.TOMLDecodeError as error:
        raise mistake(f"{name} is not TOML: {error}") from error
    except ValidationError as error:
        raise mistake(f"{name} cannot be used:\n{explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Return a line for each mistake that pydantic found."""
    lines = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"] if part != "[key]") or "(file)"
        value = "" if problem["type"] == "missing" else f" = {_short(problem['input'])}"
        lines.append(f"  {key}{value}: {problem['msg']}")
    return "\n".join(lines)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
