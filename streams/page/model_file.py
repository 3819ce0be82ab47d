"""Changes thresholds, half-lives and weights in the text of an A-Path model file, and leaves its comments where they are."""

import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from journey.errors import UserError

__all__ = ["EditError", "ModelChange", "edited"]

_SECTION = re.compile(r"\s*\[stages\.(\w+)\]")
_OTHER = re.compile(r"\s*\[")
_NUMBER = r"(?P<head>{key}\s*=\s*)[-+0-9._eE]+"
_RULE = re.compile(r'(?P<head>type\s*=\s*"(?P<type>[^"]+)"\s*,\s*weight\s*=\s*)(?P<weight>[-+0-9._eE]+)')


class EditError(UserError, ValueError):
    """An error of a model file that cannot be changed so; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ModelChange:
    """What is to change: thresholds and half-lives (days) by stage, and factors of weights by type as the file names it."""

    thresholds: Mapping[str, float] = field(default_factory=dict)
    half_lives: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_none(self) -> bool:
        """Whether nothing is to change."""
        return not (self.thresholds or self.half_lives or self.factors)


def edited(text: str, change: ModelChange, name: str, about: str) -> str:
    """Return the file with a change and another name, under a first line that says `about`.

    Raises
    ------
    EditError
        The file is written in a way in which only this change cannot be made, or has no such type.
    """
    stage, made = "", [f"# {about}"]
    for line in text.splitlines():
        if (found := _SECTION.match(line)) is not None:
            stage = found[1]
        elif _OTHER.match(line):
            stage = ""
        made.append(_in_stage(line, stage, change) if stage else _named(line, name))
    changed = "\n".join(made) + "\n"
    if tomllib.loads(changed) != _expected(tomllib.loads(text), change, name):
        raise EditError(
            "the model file is written in another way than this page can change; journey model apply takes any file"
        )
    return changed


def _named(line: str, name: str) -> str:
    return re.sub(r'^name\s*=\s*".*?"', lambda _: f'name = "{name}"', line, count=1)


def _in_stage(line: str, stage: str, change: ModelChange) -> str:
    if line.lstrip().startswith("#"):
        return line
    line = _with_number(line, "half_life_days", change.half_lives.get(stage))
    line = _with_number(line, "threshold", change.thresholds.get(stage))
    return _RULE.sub(lambda found: _weighed(found, change.factors), line)


def _with_number(line: str, key: str, number: float | None) -> str:
    if number is None or not line.lstrip().startswith(key):
        return line
    return re.sub(_NUMBER.format(key=key), lambda found: f"{found['head']}{_text(number)}", line, count=1)


def _weighed(found: re.Match[str], factors: Mapping[str, float]) -> str:
    if found["type"] not in factors:
        return found[0]
    return f"{found['head']}{_text(float(found['weight']) * factors[found['type']])}"


def _text(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def _expected(file: Mapping[str, Any], change: ModelChange, name: str) -> dict[str, Any]:
    """Return what the changed file has to say."""
    found = deepcopy(dict(file)) | {"name": name}
    known = {rule["type"] for stage in found["stages"].values() for rule in stage["evidence"]}
    if unknown := set(change.factors) - known:
        raise EditError(f"weights: the model has no {min(unknown)}")
    for stage, table in found["stages"].items():
        table["threshold"] = change.thresholds.get(stage, table["threshold"])
        table["half_life_days"] = change.half_lives.get(stage, table["half_life_days"])
        for rule in table["evidence"]:
            rule["weight"] *= change.factors.get(rule["type"], 1)
    return found
