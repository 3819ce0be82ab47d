"""The A-Path model as values: rules that turn interactions into evidence, half-lives, thresholds, channels."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from journey.channel import OTHER, area_of, verb_of
from journey.handle import KINDS
from journey.stage import Stage

__all__ = ["DEFAULT_CAPS", "IdentityPolicy", "Model", "Range", "Rule", "StagePolicy"]

DEFAULT_CAPS: dict[str, int] = {
    "user": 5, "email": 5, "phone": 5, "loyalty": 5, "social": 10, "cookie": 100, "device": 20,
}  # fmt: skip


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
class Rule:
    """Evidence from one interaction: `weight` for `stage` when type and ranges match."""

    type: str
    stage: Stage
    weight: float
    rating: Range = Range()
    sentiment: Range = Range()
    amount: Range = Range()

    def names(self, event_type: str) -> bool:
        """Whether this rule is about that type, exactly or as ``*.verb``."""
        return self.type == event_type or self.type == "*." + verb_of(event_type)


@dataclass(frozen=True, slots=True)
class StagePolicy:
    """How fast evidence for one stage fades, in microseconds, and how much of it makes the stage."""

    half_life_us: int
    threshold: float


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """Guards on identity: values that are nobody; handles of each kind (in KINDS order) one handle may carry."""

    nobody: frozenset[str] = frozenset()
    caps: tuple[int, ...] = tuple(DEFAULT_CAPS[kind] for kind in KINDS)


@dataclass(frozen=True)
class Model:
    """One A-Path model. `stages` are in order from Attention to Advocacy."""

    name: str
    stages: tuple[StagePolicy, ...]
    rules: tuple[Rule, ...]
    channels: Mapping[str, str]
    revenue: Mapping[str, int]
    neutral: frozenset[str] = frozenset()
    identity: IdentityPolicy = IdentityPolicy()

    @cached_property
    def hash(self) -> str:
        """16 hex digits that name this model's content: stored with all that it decided."""
        content = asdict(self) | {"neutral": sorted(self.neutral)}
        content["identity"]["nobody"] = sorted(self.identity.nobody)
        content["rules"] = sorted(json.dumps(rule, sort_keys=True) for rule in content["rules"])
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def rules_for(self, event_type: str) -> tuple[Rule, ...]:
        """Return every rule that names the type; all that match count."""
        return tuple(rule for rule in self.rules if rule.names(event_type))

    def channel(self, event_type: str) -> str:
        """Return the channel of the type's area, or ``other``."""
        return self.channels.get(area_of(event_type), OTHER)

    def revenue_sign(self, event_type: str) -> int:
        """Return 1 where the amount is revenue, -1 where it is revenue given back, else 0.

        The exact type wins over ``*.verb``.
        """
        return self.revenue.get(event_type, self.revenue.get("*." + verb_of(event_type), 0))
