"""Mistakes in a file of ours in words: the key, its value, what is allowed."""

from pydantic import ValidationError

__all__ = ["explain"]

_SHOWN = 60  # characters of a wrong value in an error


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
