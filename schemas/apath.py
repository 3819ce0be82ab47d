"""Parses the A-Path model file (TOML) and reports each mistake with its key."""

import json
import math
import re
import unicodedata
from importlib.resources import files
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from journey.channel import IDENTITY_AREA
from journey.errors import UserError
from journey.identity.handle import KINDS
from journey.identity.policy import DEFAULT_CAPS, IdentityPolicy
from journey.model import Model, Mood, Range, Rule, StagePolicy
from journey.stage import STAGE_NAMES, STAGES
from schemas.toml_errors import parsed

__all__ = ["ModelError", "default_model", "default_model_text", "model_json_schema", "parse_model"]

_DAY_US = 86_400_000_000
# Between these bounds every view, command and page view gives the same answer for any time from 1900 to a day ahead.
_LEAST = 1e-6  # threshold, and size of a weight
_MOST_RULES, _MOST_NEUTRAL = 10_000, 10_000  # rules are numbered in 16 bits
_MOST_LINKED = 1_000_000  # handles of one kind on a handle


def _is_channel(area: str) -> str:
    if area == IDENTITY_AREA:
        raise ValueError(f"the area {IDENTITY_AREA} links handles and is no channel")
    return area


Area = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=32), AfterValidator(_is_channel)
]
TypePattern = Annotated[
    str, StringConstraints(pattern=r"^(\*|[a-z][a-z0-9_]*)\.[a-z][a-z0-9_]*$", max_length=64)
]
Channel = Literal["social", "web", "store", "support", "direct"]


def _is_held(value: float, info: ValidationInfo) -> float:
    """Refuse what is too near to 0; a model that was accepted before there was this bound stays readable."""
    if 0 < abs(value) < _LEAST and not (info.context or {}).get("stored"):
        raise ValueError(f"is nearer to 0 than {_LEAST:.6f}, the least that counts")
    return value


class ModelError(UserError, ValueError):
    """An error in a model file; the message names each key, its value and what is allowed."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Rule(_Table):
    type: TypePattern
    weight: Annotated[float, Field(ge=-1000, le=1000, allow_inf_nan=False), AfterValidator(_is_held)]
    rating_min: Annotated[float, Field(ge=0, le=10)] | None = None
    rating_max: Annotated[float, Field(ge=0, le=10)] | None = None
    sentiment_min: Annotated[float, Field(ge=-1, le=1)] | None = None
    sentiment_max: Annotated[float, Field(ge=-1, le=1)] | None = None
    amount_min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    amount_max: Annotated[float, Field(allow_inf_nan=False)] | None = None
    mood: Literal["negative", "not negative"] | None = None

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        if self.weight == 0:
            raise ValueError("weight must not be 0; list a type that gives no evidence under `neutral`")
        for field in ("rating", "sentiment", "amount"):
            low, high = getattr(self, f"{field}_min"), getattr(self, f"{field}_max")
            if low is not None and high is not None and low > high:
                raise ValueError(f"{field}_min ({low}) is above {field}_max ({high})")
        return self

    def range(self, field: str) -> Range:
        low, high = getattr(self, f"{field}_min"), getattr(self, f"{field}_max")
        return Range(-math.inf if low is None else low, math.inf if high is None else high)


class _Stage(_Table):
    # Below a week, 2**((t - T0) / half-life) leaves the range of a float within two decades of T0.
    half_life_days: Annotated[float, Field(ge=7, le=3650)]
    threshold: Annotated[float, Field(gt=0, le=1_000_000), AfterValidator(_is_held)]
    evidence: Annotated[list[_Rule], Field(max_length=_MOST_RULES)]


class _Stages(_Table):
    attention: _Stage
    attraction: _Stage
    affinity: _Stage
    audience: _Stage
    advocacy: _Stage


class _Revenue(_Table):
    add: list[TypePattern] = []
    subtract: list[TypePattern] = []

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if both := set(self.add) & set(self.subtract):
            raise ValueError(f"{sorted(both)} stand under both add and subtract")
        return self


_Cap = Annotated[int, Field(ge=1, le=_MOST_LINKED)]


class _Caps(_Table):
    user: _Cap = DEFAULT_CAPS["user"]
    email: _Cap = DEFAULT_CAPS["email"]
    phone: _Cap = DEFAULT_CAPS["phone"]
    loyalty: _Cap = DEFAULT_CAPS["loyalty"]
    social: _Cap = DEFAULT_CAPS["social"]
    cookie: _Cap = DEFAULT_CAPS["cookie"]
    device: _Cap = DEFAULT_CAPS["device"]


class _Identity(_Table):
    nobody: list[str] = []
    caps: _Caps = _Caps()


class _Negative(_Table):
    sentiment_max: Annotated[float, Field(ge=-1, le=1)] = -0.3
    rating_max: Annotated[float, Field(ge=0, le=10)] = 2.0


class _File(_Table):
    version: Literal[1, 2]
    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    neutral: Annotated[list[TypePattern], Field(max_length=_MOST_NEUTRAL)] = []
    channels: dict[Area, Channel]
    revenue: _Revenue = _Revenue()
    identity: _Identity = _Identity()
    negative: _Negative = _Negative()
    stages: _Stages

    @model_validator(mode="after")
    def _of_version(self) -> Self:
        newer = ["negative"] if "negative" in self.model_fields_set else []
        for stage in STAGE_NAMES:
            rules = enumerate(getattr(self.stages, stage).evidence)
            newer += [f"stages.{stage}.evidence.{number}.mood" for number, rule in rules if rule.mood]
        if self.version == 1 and newer:
            raise ValueError(f"{', '.join(newer)}: needs version = 2")
        return self


def model_json_schema() -> dict[str, Any]:
    """Return the format of a model file as JSON Schema 2020-12, with what pydantic cannot say added by hand.

    It cannot say that a `*_min` is not above its `*_max`, nor that `add` and `subtract` share no type. One schema is for
    both versions of the format.
    """
    schema = json.loads(re.sub(r'(?<=["/])_(?=[A-Z])', "", json.dumps(_File.model_json_schema())))
    schema["$defs"]["Rule"]["properties"]["weight"]["not"] = {
        "exclusiveMinimum": -_LEAST,
        "exclusiveMaximum": _LEAST,
    }
    threshold = schema["$defs"]["Stage"]["properties"]["threshold"]
    del threshold["exclusiveMinimum"]
    threshold["minimum"] = _LEAST
    channels = schema["properties"]["channels"]
    ((pattern, channel),) = channels.pop("patternProperties").items()  # which would let other names pass
    channels["propertyNames"] |= {"pattern": pattern, "not": {"const": IDENTITY_AREA}}
    channels["additionalProperties"] = channel
    without_mood = {"properties": {"evidence": {"items": {"properties": {"mood": False}}}}}
    schema["if"] = {"properties": {"version": {"const": 1}}}
    schema["then"] = {"properties": {"negative": False, "stages": {"additionalProperties": without_mood}}}
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A-Path model, versions 1 and 2",
        "description": "Which interactions are evidence for which stage, how much, and how fast it fades.",
    }
    return about | {name: value for name, value in schema.items() if name not in about}


def parse_model(text: str, *, name: str = "model", stored: bool = False) -> Model:
    """Read a model file.

    Parameters
    ----------
    text
        TOML, as `schemas/apath.toml` documents it.
    name
        What to call the file in an error.
    stored
        Whether the file was accepted before: bounds that came later do not keep it from being read.

    Raises
    ------
    ModelError
        Not TOML, or a key is missing, unknown or out of range; every such key is named.
    """
    file = parsed(_File, text, name=name, mistake=ModelError, context={"stored": stored})
    return _to_model(file)


def _to_model(file: _File) -> Model:
    stages = [getattr(file.stages, stage) for stage in STAGE_NAMES]
    moods = {
        text: Mood(text == "negative", file.negative.sentiment_max, file.negative.rating_max)
        for text in ("negative", "not negative")
    }
    return Model(
        name=file.name,
        stages=tuple(StagePolicy(round(stage.half_life_days * _DAY_US), stage.threshold) for stage in stages),
        rules=tuple(
            Rule(
                rule.type,
                stage,
                rule.weight,
                rule.range("rating"),
                rule.range("sentiment"),
                rule.range("amount"),
                moods[rule.mood] if rule.mood else None,
            )
            for stage, table in zip(STAGES, stages, strict=True)
            for rule in table.evidence
        ),
        channels=dict(file.channels),
        revenue=dict.fromkeys(file.revenue.add, 1) | dict.fromkeys(file.revenue.subtract, -1),
        neutral=frozenset(file.neutral),
        identity=IdentityPolicy(
            nobody=frozenset(_compared(value) for value in file.identity.nobody),
            caps=tuple(getattr(file.identity.caps, kind) for kind in KINDS),
        ),
    )


def _compared(value: str) -> str:
    return (
        unicodedata.normalize("NFKC", value).strip().casefold()
    )  # as `journey.identity.handle.normalise` looks it up


def default_model_text() -> str:
    """Return the bundled model file."""
    return files("schemas").joinpath("apath.toml").read_text(encoding="utf-8")


def default_model() -> Model:
    """Return the bundled model."""
    return parse_model(default_model_text(), name="schemas/apath.toml")
