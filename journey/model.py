"""Holds the A-Path model: rules that turn interactions into evidence, half-lives, thresholds, channels."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property

from journey.channel import OTHER, area_of, verb_of
from journey.identity.policy import IdentityPolicy
from journey.stage import Stage

__all__ = ["Model", "Mood", "Range", "Rule", "StagePolicy"]


@dataclass(frozen=True, slots=True)
class Range:
    """An inclusive range; an open end is infinite. The full range asks for nothing, not even a value."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def asks(self) -> bool:
        """Whether an interaction without a value falls through this condition."""
        return self.low != -math.inf or self.high != math.inf


@dataclass(frozen=True, slots=True)
class Mood:
    """A condition on the mood of an interaction.

    An interaction is clearly negative when its sentiment is at most `sentiment` or its rating at most `rating`; one
    without either is not.

    Attributes
    ----------
    negative
        Whether the clearly negative ones are meant, or all others.
    """

    negative: bool
    sentiment: float
    rating: float


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that gives evidence for one interaction: `weight` for `stage` when type, ranges and mood match."""

    type: str
    stage: Stage
    weight: float
    rating: Range = Range()
    sentiment: Range = Range()
    amount: Range = Range()
    mood: Mood | None = None

    def names(self, event_type: str) -> bool:
        """Whether this rule is about that type, exactly or as ``*.verb``."""
        return self.type == event_type or self.type == "*." + verb_of(event_type)


@dataclass(frozen=True, slots=True)
class StagePolicy:
    """The half-life of one stage's evidence, in microseconds, and the threshold that makes the stage."""

    half_life_us: int
    threshold: float


@dataclass(frozen=True)
class Model:
    """An A-Path model. `stages` are in order from Attention to Advocacy."""

    name: str
    stages: tuple[StagePolicy, ...]
    rules: tuple[Rule, ...]
    channels: Mapping[str, str]
    revenue: Mapping[str, int]
    neutral: frozenset[str] = frozenset()
    identity: IdentityPolicy = field(default_factory=IdentityPolicy)

    @cached_property
    def hash(self) -> str:
        """16 hex digits that name this model's content: stored with all that it decided."""
        content = asdict(self) | {"neutral": sorted(self.neutral)}
        content["identity"]["nobody"] = sorted(self.identity.nobody)
        for rule in content["rules"]:
            if rule["mood"] is None:  # as in version 1, whose models keep their names
                del rule["mood"]
        content["rules"] = sorted(json.dumps(rule, sort_keys=True) for rule in content["rules"])
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def rules_for(self, event_type: str) -> tuple[Rule, ...]:
        """Return every rule that names the type; all that match count."""
        return tuple(rule for rule in self.rules if rule.names(event_type))

    def channel(self, event_type: str) -> str:
        """Return the channel of the type's area, or ``other``."""
        return self.channels.get(area_of(event_type), OTHER)

    def revenue_sign(self, event_type: str) -> int:
        """Return 1 where the amount is revenue, -1 where it is revenue given back (whatever its sign), else 0.

        The exact type wins over ``*.verb``.
        """
        return self.revenue.get(event_type, self.revenue.get("*." + verb_of(event_type), 0))
