"""Explains why a customer has a stage, down to the single interactions, and what would lift them to the next."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from journey.channel import verb_of
from journey.evidence import LATEST_US, TOLERANCE
from journey.model import Model, Rule, StagePolicy
from journey.stage import STAGES, Stage
from schemas.reversals import REVERSED
from streams.clock import from_us, to_us
from streams.handles.links import customer_of
from streams.store.clickhouse import ClickHouse

__all__ = ["Contribution", "Explanation", "Lift", "StageExplanation", "contributions_sql", "explain", "lapse"]

_LIFTS = 3  # suggestions a stage
_REVERSALS = frozenset(map(verb_of, REVERSED.values()))
_LEAST_DAYS = 1  # that a lift is to hold
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Contribution:
    """The evidence of one interaction for one stage: its weight then, and what it counts now."""

    at: datetime
    type: str
    channel: str
    about: str
    weight: float
    counts: float


@dataclass(frozen=True, slots=True)
class Lift:
    """The number of interactions of one type that would reach the threshold, if they happened now.

    Attributes
    ----------
    holds_days
        For how many days the stage would then be held, if nothing else happened.
    """

    type: str
    times: int
    weight: float
    condition: str
    holds_days: float


@dataclass(frozen=True, slots=True)
class StageExplanation:
    """The score of one stage (None without evidence) against its threshold, with the evidence behind it."""

    stage: str
    score: float | None
    threshold: float
    half_life_days: float
    held: bool
    lapses_at: datetime | None
    contributions: list[Contribution]
    lifts: list[Lift]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A customer's place on the A-Path of one brand at one instant."""

    brand: str
    customer: int
    at: datetime
    stage: str
    lapses_at: datetime | None
    handles: list[dict[str, Any]]
    touches: int
    stages: list[StageExplanation] = field(default_factory=list)


def explain(store: ClickHouse, model: Model, brand: str, handle: int, at: datetime) -> Explanation | None:
    """Return the explanation, or None when no handle of that id is known.

    Interactions later than `at` are left out; `at` must be aware.
    """
    found = customer_of(store, handle)
    if found is None:
        return None
    customer, handles = found
    scope = {"brand": brand, "handles": [row["handle"] for row in handles], "at": at, "model": model.hash}
    touches = store.rows(
        "SELECT (SELECT count() FROM interactions_kept WHERE brand = {brand:String} AND handle IN {handles:Array(UInt64)}"
        " AND time <= {at:DateTime64(6, 'UTC')} AND NOT startsWith(type, 'identity.'))"
        " + (SELECT sum(touches) FROM expired_touches WHERE brand = {brand:String} AND handle IN {handles:Array(UInt64)}) AS n",
        scope,
    )[0]["n"]
    evidence = _evidence(store, scope, model)
    stages = [
        _stage(stage, policy, model, evidence[stage.label], at)
        for stage, policy in zip(STAGES, model.stages, strict=True)
    ]
    held = [stage for stage in stages if stage.held]
    now = held[-1] if held else None
    return Explanation(
        brand,
        customer,
        at,
        now.stage if now else Stage.NONE.label,
        now.lapses_at if now else None,
        handles,
        touches,
        stages,
    )


def contributions_sql(model: str, handles: str, more: str = "") -> str:
    """Return the query of every interaction's evidence, the weightiest first, for {brand:String} at {at:DateTime64(6, 'UTC')}.

    `model` is an expression of a model's hash, `handles` one of a set of handles; `more` are further columns of the
    view touch_evidence, v.
    """
    return f"""
SELECT v.time AS time, if(v.event = 0, 'expired', toString(v.type)) AS type, v.stage AS stage, v.weight AS weight,
    v.weight * exp2(-dateDiff('microsecond', v.time, {{at:DateTime64(6, 'UTC')}}) / (v.half_life_s * 1000000)) AS counts,
    arrayStringConcat(arrayFilter(x -> x != '', [if(v.event = 0, 'before this instant', ''), i.content, i.product, i.place, i.campaign,
        if(i.amount IS NULL, '', concat(toString(i.amount), ' ', i.currency)),
        if(i.rating IS NULL, '', concat('rated ', toString(i.rating))),
        if(i.sentiment IS NULL, '', concat('sentiment ', toString(i.sentiment)))]), ' · ') AS about{more}
FROM touch_evidence(model = {model}) AS v
LEFT JOIN
(
    SELECT event, source, id, content, product, place, campaign, amount, currency, rating, sentiment FROM interactions
    WHERE brand = {{brand:String}} AND handle IN {handles}
) AS i ON i.event = v.event
WHERE v.brand = {{brand:String}} AND v.handle IN {handles} AND v.time <= {{at:DateTime64(6, 'UTC')}}
ORDER BY abs(counts) DESC, v.time DESC, i.source, i.id, v.event
"""


def _evidence(store: ClickHouse, scope: dict[str, Any], model: Model) -> dict[str, list[Contribution]]:
    rows = store.rows(contributions_sql("{model:String}", "{handles:Array(UInt64)}"), scope)
    found: dict[str, list[Contribution]] = {stage.label: [] for stage in STAGES}
    for row in rows:
        channel = model.channel(row["type"]) if "." in row["type"] else "all channels"
        found[row["stage"]].append(
            Contribution(row["time"], row["type"], channel, row["about"], row["weight"], row["counts"])
        )
    return found


def _stage(
    stage: Stage, policy: StagePolicy, model: Model, contributions: list[Contribution], at: datetime
) -> StageExplanation:
    score = math.fsum(c.counts for c in contributions) if contributions else None
    least = policy.threshold * (1 - TOLERANCE)
    held = score is not None and score >= least
    half_life_days = policy.half_life_us / 86_400_000_000
    return StageExplanation(
        stage=stage.label,
        score=score,
        threshold=policy.threshold,
        half_life_days=half_life_days,
        held=held,
        lapses_at=lapse(at, score, least, policy.half_life_us / 1_000_000)
        if held and score is not None
        else None,
        contributions=contributions,
        lifts=[] if held else _lifts(stage, policy, model, score or 0.0),
    )


def lapse(at: datetime, score: float, least: float, half_life_s: float) -> datetime:
    """Return the last instant at which a score that is reached now still is; at most the last time of tables."""
    held_us = math.floor(half_life_s * 1_000_000 * math.log2(score / least))
    return from_us(min(to_us(at) + held_us, LATEST_US))


def _lifts(stage: Stage, policy: StagePolicy, model: Model, score: float) -> list[Lift]:
    """Return what would lift a score to its threshold: by the weightiest acts, each type once.

    What holds for less than a day is no lift: one act more is asked for. An act that takes back another is none either.
    """
    least = policy.threshold * (1 - TOLERANCE)
    half_life_days = policy.half_life_us / _DAY_US
    lasting = least * math.exp2(_LEAST_DAYS / half_life_days)
    rules: dict[str, Rule] = {}
    for rule in sorted(model.rules, key=lambda rule: -rule.weight):
        if rule.stage == stage and rule.weight > 0 and not _reverses(rule):
            rules.setdefault(rule.type, rule)
    found = []
    for rule in list(rules.values())[:_LIFTS]:
        times = max(1, math.ceil((lasting - score) / rule.weight - TOLERANCE))
        holds_days = half_life_days * math.log2((score + times * rule.weight) / least)
        found.append(Lift(rule.type, times, rule.weight, _condition(rule), holds_days))
    return found


def _reverses(rule: Rule) -> bool:
    return verb_of(rule.type) in _REVERSALS or (rule.mood is not None and rule.mood.negative)


def _condition(rule: Rule) -> str:
    said = []
    for name, limits in (("rating", rule.rating), ("sentiment", rule.sentiment), ("amount", rule.amount)):
        if limits.low != -math.inf:
            said.append(f"{name} at least {limits.low:g}")
        if limits.high != math.inf:
            said.append(f"{name} at most {limits.high:g}")
    if rule.mood is not None:
        said.append("negative" if rule.mood.negative else "not negative")
    return ", ".join(said)
