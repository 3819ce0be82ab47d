"""Mistakes in a file of ours in words: the key, its value, what is allowed."""

import tomllib
from typing import TypeVar

from pydantic import BaseModel, ValidationError

__all__ = ["explain", "parsed"]

File = TypeVar("File", bound=BaseModel)

_SHOWN = 60  # characters of a wrong value in an error


def parsed(kind: type[File], text: str, *, name: str, mistake: type[ValueError]) -> File:
    """Return a TOML file of ours; `mistake` is raised with every key that is missing, unknown or out of range."""
    try:
        return kind.model_validate(tomllib.loads(text))
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
