"""A-Path models in the store: written as rows that SQL can weigh with, and put in force in one step."""

from typing import TYPE_CHECKING, Any, NamedTuple

from journey.model import Model, Range
from journey.stage import STAGES
from schemas.apath import default_model_text, parse_model
from streams.clock import from_us
from streams.faults import boundary

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["InForce", "activate", "activate_default", "in_force", "write"]

_RULE_COLUMNS = (
    "model", "stage", "type", "weight", "rating_min", "rating_max", "sentiment_min", "sentiment_max",
    "amount_min", "amount_max", "rule",
)  # fmt: skip


class InForce(NamedTuple):
    """The model in force.

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
        return parse_model(self.toml, name=f"the model in force ({self.hash})")


def write(client: "Client", model: Model) -> None:
    """Write a model's stages and rules, so that views can weigh by it. Again is harmless; nothing is in force yet."""
    stages = [
        [model.hash, stage.label, int(stage), policy.half_life_us / 1e6, policy.threshold]
        for stage, policy in zip(STAGES, model.stages, strict=True)
    ]
    with boundary("model.write"):
        client.insert(
            "model_stages", stages, column_names=["model", "stage", "position", "half_life_s", "threshold"]
        )
        client.insert("model_weights", _rules(model), column_names=_RULE_COLUMNS)


def _rules(model: Model) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for rule in model.rules:
        limits = [*_ends(rule.rating), *_ends(rule.sentiment), *_ends(rule.amount)]
        rows.append([model.hash, rule.stage.label, rule.type, rule.weight, *limits, len(rows)])
    for neutral in sorted(model.neutral):
        rows.append([model.hash, "none", neutral, 0.0, *[None] * 6, len(rows)])
    return rows


def _ends(limits: Range) -> list[float | None]:
    none = Range()
    return [
        None if limits.low == none.low else limits.low,
        None if limits.high == none.high else limits.high,
    ]


def activate(client: "Client", model: Model, toml: str, now_us: int) -> None:
    """Put a model in force: one row in one insert, so it is in force wholly or not at all."""
    before = in_force(client)
    sequence = before.changes + 1 if before else 1
    row = [model.hash, model.name, toml, dict(model.channels), dict(model.revenue), from_us(now_us), sequence]
    names = ["model", "name", "toml", "channels", "revenue", "activated_at", "sequence"]
    with boundary("model.activate"):
        client.insert("models", [row], column_names=names)


def activate_default(client: "Client", now_us: int) -> Model:
    """Put the bundled model in force."""
    text = default_model_text()
    model = parse_model(text, name="schemas/apath.toml")
    write(client, model)
    activate(client, model, text, now_us)
    return model


def in_force(client: "Client") -> InForce | None:
    """Return the model in force, or None before the first."""
    rows = client.query("SELECT model, toml, sequence FROM models ORDER BY sequence DESC LIMIT 1").result_rows
    return InForce(*rows[0]) if rows else None
