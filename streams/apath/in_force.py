"""Stores A-Path models as rows that SQL can weigh with, and activates one atomically."""

from typing import TYPE_CHECKING, Any, NamedTuple

from journey.model import Model, Mood, Range
from journey.stage import STAGES
from schemas.apath import default_model_text, parse_model
from streams.clock import from_us
from streams.faults import kill_point

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = [
    "RULE_COLUMNS",
    "STAGE_COLUMNS",
    "InForce",
    "activate",
    "activate_default",
    "found",
    "in_force",
    "rule_rows",
    "stage_rows",
    "write",
]

STAGE_COLUMNS = ("model", "stage", "half_life_s", "threshold", "position")
RULE_COLUMNS = (
    "model", "stage", "type", "weight", "rating_min", "rating_max", "sentiment_min", "sentiment_max",
    "amount_min", "amount_max", "mood", "negative_sentiment", "negative_rating", "rule",
)  # fmt: skip


class InForce(NamedTuple):
    """The active model.

    Attributes
    ----------
    hash
        Its name in tables.
    toml
        Its file.
    changes
        How often a model has come into force, this time included.
    """

    hash: str
    toml: str
    changes: int

    def parsed(self) -> Model:
        """Return the model itself."""
        return parse_model(self.toml, name=f"the model in force ({self.hash})", stored=True)


def write(client: "Client", model: Model) -> None:
    """Write a model's stages and rules, so that views can weigh by it. It is idempotent and activates nothing."""
    with kill_point("model.write"):
        client.insert("model_stages", stage_rows(model), column_names=STAGE_COLUMNS)
        client.insert("model_weights", rule_rows(model), column_names=RULE_COLUMNS)


def stage_rows(model: Model) -> list[list[Any]]:
    """Return the rows of model_stages, in STAGE_COLUMNS."""
    return [
        [model.hash, stage.label, policy.half_life_us / 1e6, policy.threshold, int(stage)]
        for stage, policy in zip(STAGES, model.stages, strict=True)
    ]


def rule_rows(model: Model) -> list[list[Any]]:
    """Return the rows of model_weights, in RULE_COLUMNS."""
    rows: list[list[Any]] = []
    for rule in model.rules:
        limits = [*_ends(rule.rating), *_ends(rule.sentiment), *_ends(rule.amount)]
        rows.append(
            [model.hash, rule.stage.label, rule.type, rule.weight, *limits, *_mood(rule.mood), len(rows)]
        )
    for neutral in sorted(model.neutral):
        rows.append([model.hash, "none", neutral, 0.0, *[None] * 6, *_mood(None), len(rows)])
    return rows


def _ends(limits: Range) -> list[float | None]:
    none = Range()
    return [
        None if limits.low == none.low else limits.low,
        None if limits.high == none.high else limits.high,
    ]


def _mood(mood: Mood | None) -> list[Any]:
    if mood is None:
        return ["", None, None]
    return ["negative" if mood.negative else "not negative", mood.sentiment, mood.rating]


def activate(client: "Client", model: Model, toml: str, now_us: int) -> None:
    """Activate a model atomically: one row in one insert."""
    before = in_force(client)
    sequence = before.changes + 1 if before else 1
    row = [model.hash, model.name, toml, dict(model.channels), dict(model.revenue), from_us(now_us), sequence]
    names = ["model", "name", "toml", "channels", "revenue", "activated_at", "sequence"]
    with kill_point("model.activate"):
        client.insert("models", [row], column_names=names)


def activate_default(client: "Client", now_us: int) -> Model:
    """Activate the bundled model."""
    text = default_model_text()
    model = parse_model(text, name="schemas/apath.toml")
    write(client, model)
    activate(client, model, text, now_us)
    return model


def found(client: "Client", now_us: int, kept: str = "") -> tuple[Model, str]:
    """Return the active model, the bundled one where there is none; then also the hash of one that was lost, or "".

    `kept` is the hash of the model that was last in force, "" where nothing but the tables tells it.
    """
    if there := in_force(client):
        model = there.parsed()
        if not _is_whole(client, model):  # rows of it were lost, which follow from its file
            write(client, model)
        return model, ""
    under = [str(row[0]) for row in client.query("SELECT DISTINCT model FROM evidence").result_rows]
    ((announced,),) = client.query("SELECT argMax(model, sequence) FROM stage_changes").result_rows
    model = activate_default(client, now_us)
    if kept:
        return model, "" if kept == model.hash else kept
    if announced and announced != model.hash:  # evidence under the model before it is kept
        return model, str(announced)
    return model, "" if not under or model.hash in under else under[-1]


def _is_whole(client: "Client", model: Model) -> bool:
    ((stages, rules),) = client.query(
        "SELECT (SELECT uniqExact(position) FROM model_stages WHERE model = {model:String}),"
        " (SELECT uniqExact(rule) FROM model_weights WHERE model = {model:String})",
        parameters={"model": model.hash},
    ).result_rows
    return bool(stages == len(STAGES) and rules == len(rule_rows(model)))


def in_force(client: "Client") -> InForce | None:
    """Return the active model, or None before the first."""
    rows = client.query("SELECT model, toml, sequence FROM models ORDER BY sequence DESC LIMIT 1").result_rows
    return InForce(*rows[0]) if rows else None
