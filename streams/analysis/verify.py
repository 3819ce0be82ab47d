"""Recomputes every derived table from the interactions in SQL, compares it with what was written, and shows the drift."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from journey.identity.graph import Moved
from journey.identity.handle import KINDS
from journey.journeys import Pairs, Reason
from journey.stage import Stage
from schemas.apath import ModelError, parse_model
from streams.analysis import cascades
from streams.analysis.checks import CHECKS
from streams.apath import in_force
from streams.clock import from_us
from streams.edge.event_keys import Keys
from streams.engine.engine import Engine
from streams.engine.identity import Identity, kind_codes
from streams.engine.shell import Shell, Tell
from streams.recovery.derived_tables import FOLLOWING, HANDLES
from streams.recovery.losses import REBUILT
from streams.recovery.rebuild import INTERACTIONS
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.port import LossError
from streams.store.slices import interactions, slices

__all__ = ["Check", "mended_by", "verify"]

_SHOWN = 10  # rows of drift that are shown for each check
_FETCHED = 1_000  # rows of drift that two looks at a server are compared by
_KEYS = 250_000  # events whose keys are recomputed together
_SPILLED = 2**28  # bytes above which groups and sorts go on on the disk
_PAUSE_S = 5.0  # between two looks: longer than a batch is under way
_LAST = "stages"
_KEPT = "paths"
# The rebuild that repairs what a check finds; a check that is missing here has none.
_MENDS = {
    "unique": INTERACTIONS, "evidence": "evidence", "touches": "evidence", "minutes": "minute_counts", "links": "identity_links",
    "customers": "identity_map", "announcements": "stage_changes", "announced": "stage_changes",
    "stages": "stage_changes", "paths": "kept_paths",
}  # fmt: skip
# What drifts while another check does, since it is compared through tables that the other one looks at.
_FOLLOWS = {
    "touches": {"customers"},
    "announced": {"customers", "evidence"},
    "stages": {"customers", "evidence"},
}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one comparison: its name, how many rows drift, and some of them."""

    name: str
    what: str
    drift: int
    rows: list[dict[str, Any]]


def mended_by(shell: Shell, checks: Iterable[Check]) -> list[str]:
    """Return the tables to rebuild, for what checks found and what a data directory has lost, in their order."""
    drifting = {check.name for check in checks if check.drift}
    first = {name for name in drifting if not _FOLLOWS.get(name, set()) & drifting}
    names = {_MENDS[name] for name in first & _MENDS.keys()}
    if "identity_links" in names:
        names.add("identity_map")
    names |= shell.to_rebuild()
    if INTERACTIONS in names:  # all that follow are rebuilt with them
        names -= set(FOLLOWING)
    return [table for table in (INTERACTIONS, *REBUILT) if table in names]


def verify(
    shell: Shell,
    *,
    only: Collection[str] = (),
    wait: Callable[[float], None] = time.sleep,
    tell: Tell = lambda _name, _done, _count: None,
) -> list[Check]:
    """Run every check, or only some; `wait` is called with seconds, `tell` with the progress.

    Interactions are looked at in slices, so that memory does not grow with history: beside a slice it takes a graph of
    handles and the journeys of an engine, which grow with customers.

    In a data directory, where all is well so far, what lapsed meanwhile is announced before the last check. Nothing is
    written where anything drifts: the evidence of it is kept.

    To a server workers may be writing, a batch now in one table and then in the next. So nothing is written there, and
    where anything drifts, it looks a second time: drift is what both have seen.
    """
    found = _look(shell, tell, only)
    if shell.store.shared and any(check.drift for check in found):
        wait(_PAUSE_S)
        found = [_lasting(*pair) for pair in zip(found, _look(shell, tell, only), strict=True)]
    return [Check(check.name, check.what, check.drift, check.rows[:_SHOWN]) for check in found]


def _lasting(first: Check, second: Check) -> Check:
    """Return what drifts in both; where it is more than was fetched, as much as in the second."""
    if min(first.drift, second.drift) > _FETCHED:
        return second
    rows = [row for row in second.rows if row in first.rows]
    return Check(second.name, second.what, len(rows), rows)


def _look(shell: Shell, tell: Tell, only: Collection[str]) -> list[Check]:
    now_us = shell.clock()
    parameters = {
        "model": shell.model.hash, "at": from_us(now_us), "workers": shell.store.shared, "slices": slices(shell.store),
    }  # fmt: skip
    checks = [
        _compare(shell.store, name, parameters, tell)
        for name in CHECKS
        if name != _LAST and name in (only or CHECKS)
    ]
    looks: list[tuple[str, str, Callable[[], list[dict[str, Any]]]]] = [
        (
            "model",
            "stages, weights, channels and revenue of each model, from its file",
            lambda: _models(shell),
        ),
        ("keys", "the key of each event, from its source, id and primary handle", lambda: _keys(shell.store)),
        ("customers", "handle to customer and kind, from the links", lambda: _customers(shell)),
        ("cascades", "who brought whom, from the causes of the interactions", lambda: _cascades(shell.store)),
        (
            "announced",
            "the stage announced last against the evidence, lapses aside",
            lambda: _announced(shell, now_us),
        ),
    ]
    for name, what, look in looks:
        if only and name not in only:
            continue
        tell(name, 0, 1)
        checks.append(_check(name, what, look))
    if not shell.store.shared:
        checks = [_files(shell), *checks]
        if not any(check.drift for check in checks):
            shell.announce(now_us)
    if only and _LAST not in only:
        return checks
    return [*checks, _compare(shell.store, _LAST, parameters, tell)]


def _check(name: str, what: str, look: Callable[[], list[dict[str, Any]]]) -> Check:
    """Return a check; where a table cannot be read, or not be used, that is what drifts."""
    try:
        rows = look()
    except (QueryError, LossError) as error:
        return Check(name, what, 1, [{"error": str(error)}])
    return Check(name, what, len(rows), rows[:_FETCHED])


def _files(shell: Shell) -> Check:
    rows = shell.lost()
    return Check("files", "every part of every table is there, and has what it was given", len(rows), rows)


def _compare(store: ClickHouse, name: str, parameters: dict[str, Any], tell: Tell) -> Check:
    what, sql = CHECKS[name]
    settings = (
        f" SETTINGS join_use_nulls = {int(name == 'evidence')},"
        f" max_bytes_before_external_group_by = {_SPILLED}, max_bytes_before_external_sort = {_SPILLED}"
    )
    count = parameters["slices"] if "{slice:" in sql else 1
    if name == _KEPT and not store.rows("SELECT (SELECT state FROM kept_state).1 AS is_kept")[0]["is_kept"]:
        tell(name, 0, 1)
        return Check(name, what, 0, [])  # views compute all paths
    rows: list[dict[str, Any]] = []
    drift = 0
    try:
        for number in range(count):
            tell(name, number, count)
            given = parameters | {"slice": number}
            found = store.rows(f"SELECT * FROM ({sql}) LIMIT {_FETCHED + 1}{settings}", given)
            if len(found) > _FETCHED:
                drift += store.rows(f"SELECT count() AS n FROM ({sql}){settings}", given)[0]["n"]
            else:
                drift += len(found)
            rows += found[: _FETCHED - len(rows)]
    except QueryError as error:
        return Check(name, what, 1, [{"error": str(error)}])
    return Check(name, what, drift, rows)


def _models(shell: Shell) -> list[dict[str, Any]]:
    """Compare what views weigh by with the files: of the active model, and of those that were active before."""
    store = shell.store
    drift = []
    for row in store.rows("SELECT DISTINCT model, name, toml, channels, revenue FROM models ORDER BY model"):
        try:
            model = parse_model(row["toml"], stored=True)
        except ModelError as error:
            drift.append({"model": row["model"], "file": str(error)})
            continue
        expected: dict[str, Sequence[Sequence[Any]]] = {
            "models": [(model.hash, model.name, dict(model.channels), dict(model.revenue))],
            "model_stages": in_force.stage_rows(model),
            "model_weights": in_force.rule_rows(model),
        }
        found: dict[str, Sequence[Sequence[Any]]] = {
            "models": [(row["model"], row["name"], row["channels"], row["revenue"])],
            **{
                table: store.query(
                    f"SELECT {', '.join(columns)} FROM {table} FINAL WHERE model = {{model:String}} ORDER BY {columns[-1]}",
                    {"model": row["model"]},
                )
                for table, columns in (
                    ("model_stages", in_force.STAGE_COLUMNS),
                    ("model_weights", in_force.RULE_COLUMNS),
                )
            },
        }
        for table, rows in expected.items():
            there, meant = ({repr(tuple(each)) for each in some} for some in (found[table], rows))
            drift += [{"table": table, "stored": each} for each in sorted(there - meant)]
            drift += [{"table": table, "of the file": each} for each in sorted(meant - there)]
    return drift


def _customers(shell: Shell) -> list[dict[str, Any]]:
    """Compare the map of handles with the components of the links, computed afresh from the interactions."""
    store = shell.store
    identity = Identity(shell.model.identity)
    mapped = store.identity_map()
    named = store.arrow(HANDLES.format(scope="1"))
    identity.graph.slots(named.column("handle").to_numpy(), kind_codes(named.column("kind")))
    known = len(identity.graph.handles)
    identity.restore(store.links(), mapped)
    handles, customers = (mapped.column(name).to_numpy() for name in ("handle", "customer"))
    kinds = kind_codes(mapped.column("kind"))
    slots = identity.graph.handles.find(handles)
    wrong_kind = identity.graph.handles.kind[slots] != kinds
    drift = [
        {"handle": int(handles[i]), "mapped": int(customers[i]), "recomputed": None}
        for i in np.flatnonzero(slots >= known)
    ]
    drift += [
        {
            "handle": int(handles[i]),
            "kind": mapped.column("kind")[i].as_py(),
            "recomputed": KINDS[identity.graph.handles.kind[slots[i]]],
        }
        for i in np.flatnonzero(wrong_kind)
    ]
    slots = identity.unmapped()
    slots = slots[slots < known]
    order = np.argsort(handles)
    for handle, customer in zip(
        identity.graph.handles.id[slots], identity.graph.customers(slots), strict=True
    ):
        place = np.searchsorted(handles, handle, sorter=order)
        there = place < len(handles) and handles[order[place]] == handle
        told = int(customers[order[place]]) if there else None
        drift.append({"handle": int(handle), "mapped": told, "recomputed": int(customer)})
    return drift


def _keys(store: ClickHouse) -> list[dict[str, Any]]:
    """Compare the keys of events with those that their sources, ids and primary handles make."""
    drift: list[dict[str, Any]] = []
    keys = Keys()
    for rows in interactions(store, "event, source, id, handle, handles[1] AS first", _KEYS):
        sources, ids = rows.column("source").cast("string").to_pylist(), rows.column("id").to_pylist()
        handles = rows.column("handle").to_pylist()
        made = keys.keys(sources, ids, [b"\0%d" % handle for handle in handles])
        events = rows.column("event").combine_chunks()
        stored = events.buffers()[1].to_pybytes()[16 * events.offset :][: len(made)] if len(events) else b""
        if made == stored and rows.column("handle").equals(rows.column("first")):
            continue
        firsts = rows.column("first").to_pylist()
        for number, (source, name, handle, first) in enumerate(
            zip(sources, ids, handles, firsts, strict=True)
        ):
            place = slice(16 * number, 16 * number + 16)
            if made[place] != stored[place] or handle != first:
                event, expected = (int.from_bytes(each[place], "little") for each in (stored, made))
                row = {"source": source, "id": name, "handle": handle, "first of handles": first}
                drift.append(row | {"event": event, "recomputed": expected})
    return drift


def _cascades(store: ClickHouse) -> list[dict[str, Any]]:
    """Compare the views' trees with those that the causes make, walked one by one."""
    return list(cascades.drift(store))


def _announced(shell: Shell, now_us: int) -> list[dict[str, Any]]:
    """Compare announcements with the evidence, in an engine of its own: only lapses may be outstanding."""
    engine = Engine(shell.store, shell.model, window_us=1)
    engine.restore()
    changes = engine.journey.announce(Pairs.none(), Moved.nobody(), now_us, everyone=True)
    late = np.flatnonzero(changes.reason != Reason.LAPSE)
    return [
        {
            "customer": int(engine.identity.graph.handles.id[changes.slot[i]]),
            "announced": Stage(int(changes.old[i])).label,
            "held": Stage(int(changes.new[i])).label,
        }
        for i in late
    ]
