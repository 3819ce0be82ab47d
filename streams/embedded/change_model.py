"""Activates a model in a data directory atomically; if interrupted, the current one stays active.

Everything before the last step is invisible: interrupted at any point, the old model stays active, and what was left half
done is removed by the next try. Beside an engine that goes on, all of history up to an instant is weighed on a copy of the
tables, and a state is restored from it; between two batches, what came since is weighed, and the new state takes over.
"""

from collections.abc import Callable

from journey.model import Model
from streams.apath import in_force
from streams.apath.weigh_sql import EVIDENCE_COLUMNS, evidence_parameters, evidence_sql
from streams.embedded.embedded import Embedded
from streams.engine.engine import Engine
from streams.engine.outcome import BatchOutcome
from streams.faults import kill_point
from streams.store.clickhouse import DATABASE, ClickHouse
from streams.store.slices import slices

__all__ = ["activate", "apply", "begin", "weigh"]

_SINCE = "event IN (SELECT event FROM interactions WHERE _offset > {since:UInt64})"


def apply(embedded: Embedded, model: Model, toml: str) -> BatchOutcome:
    """Recompute all evidence under a model, then activate it; return what was announced. Nothing is processed meanwhile."""
    if not embedded.losses.stops:
        embedded.drain()
        embedded.tick()
    if model.hash == embedded.model.hash:
        return BatchOutcome()
    client = embedded.store.client
    begin(embedded.store, model)
    with kill_point("model.evidence"):
        client.command(evidence_sql(), parameters=evidence_parameters(model))
    in_force.activate(client, model, toml, embedded.clock())
    embedded.use_model(model)
    embedded.look()  # under it, evidence that was lost is there again
    return embedded.tick()


def begin(store: ClickHouse, model: Model) -> None:
    """Write a model's rules, and remove evidence under it that is left of an earlier time, or of a try that was interrupted."""
    in_force.write(store.client, model)
    with kill_point("model.evidence"):
        store.client.command(
            "ALTER TABLE evidence DELETE WHERE model = {model:String}",
            parameters={"model": model.hash},
            settings={"mutations_sync": 2},
        )


def weigh(copy: ClickHouse, model: Model, check: Callable[[], None]) -> None:
    """Weigh all of history under a model, on a copy of the tables made after `begin`; the evidence is then in the tables too.

    `check` is called before each statement; what it raises ends the work.
    """
    count = slices(copy)
    for number in range(count):
        check()
        sql = evidence_sql(f"modulo(intHash64(handle), {count}) = {number}")
        with kill_point("model.evidence"):
            copy.client.command(sql, parameters=evidence_parameters(model))
    check()
    with kill_point("model.evidence"):
        copy.client.command(
            f"INSERT INTO {DATABASE}.evidence ({EVIDENCE_COLUMNS})"
            f" SELECT {EVIDENCE_COLUMNS} FROM evidence WHERE model = {{model:String}}",
            parameters={"model": model.hash},
        )


def activate(embedded: Embedded, model: Model, toml: str, engine: Engine) -> BatchOutcome:
    """Weigh what came since `weigh`, and activate the model; return what was announced.

    Parameters
    ----------
    engine
        Restored under the model from the copy of the tables.
    """
    embedded.tick()
    client = embedded.store.client
    since, _ = engine.restored_to
    with kill_point("model.evidence"):
        client.command(evidence_sql(_SINCE), parameters=evidence_parameters(model) | {"since": since})
    embedded.bring_up_to_date(engine)
    in_force.activate(client, model, toml, embedded.clock())
    embedded.use_model(model, engine)
    return embedded.tick()
