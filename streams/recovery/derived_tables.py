"""Holds the queries of the derived tables: for each, the one query that computes its rows from the interactions.

What the interactions of a brand gave that have expired is in sums (`streams.retention`), which these queries add. `journey rebuild` fills tables with these queries, `journey verify` compares the tables with them. Rows carry
`_partition` and the highest `_offset` that went into them, so a rebuilt table has the watermark that its interactions
have.
"""

from collections.abc import Callable
from typing import Any

from journey.model import Model
from streams.apath.weigh_sql import evidence_parameters, evidence_select
from streams.store.sql import CARRIED, MINUTE

__all__ = ["FOLLOWING", "HANDLES", "LINKS_OF", "LINK_ROWS", "MINUTE_ROWS", "SELECTS", "parameters_of"]

# In the order in which they are made: what a later one needs comes first.
FOLLOWING: tuple[str, ...] = ("identity_links", "identity_map", "evidence", "minute_counts", "stage_changes")

_PLACE = "_partition, max(_offset) AS _offset"

MINUTE_ROWS = f"""
    SELECT brand, {MINUTE} AS minute, type, count() AS touches, {_PLACE}
    FROM interactions_kept WHERE NOT startsWith(type, 'identity.') AND {{scope}}
    GROUP BY brand, minute, type, _partition
    UNION ALL
    SELECT brand, minute, type, touches, _partition, _offset
    FROM (SELECT *, minute AS time FROM carried_minutes WHERE {CARRIED}) WHERE {{scope}}
"""
LINKS_OF = f"""
    SELECT
        a.1 AS left_handle, b.1 AS right_handle, source, toString(a.2) AS left_kind, toString(b.2) AS right_kind,
        countIf(type != 'identity.unlink') AS said, min(time) AS first_seen, max(time) AS last_seen,
        maxOrNullIf(time, type = 'identity.unlink') AS withdrawn_at,
        maxOrNullIf(time, type = 'identity.link') AS restored_at, {_PLACE}
    FROM
    (
        SELECT type, source, time, _partition, _offset, arrayZip(handles, kinds) AS ends, arrayJoin(ends) AS a
        FROM {{interactions}} WHERE length(handles) > 1
    )
    ARRAY JOIN ends AS b
    WHERE a.1 < b.1 AND {{scope}}
    GROUP BY left_handle, right_handle, source, left_kind, right_kind, _partition
"""
LINK_ROWS = f"""
    {LINKS_OF.format(interactions="interactions_kept", scope="{scope}")}
    UNION ALL
    SELECT left_handle, right_handle, source, toString(left_kind) AS left_kind, toString(right_kind) AS right_kind, said,
        first_seen, last_seen, withdrawn_at, restored_at, _partition, _offset
    FROM (SELECT *, (left_handle, left_kind) AS a FROM carried_links WHERE {CARRIED}) WHERE {{scope}}
"""
# Every handle that an interaction names, or an expired one named, with its kind.
HANDLES = f"""
    SELECT end.1 AS handle, toString(any(end.2)) AS kind
    FROM
    (
        SELECT arrayJoin(arrayZip(handles, kinds)) AS end FROM interactions_kept
        UNION ALL
        SELECT (handle, kind) AS end FROM carried_handles WHERE {CARRIED}
    )
    WHERE {{scope}}
    GROUP BY handle
"""
# The exact path of every customer: each change starts where the one before ended. What is outstanding at the end of it (a
# touch dated ahead counts already) is announced by the engine when it goes on.
_CHANGES = """
    SELECT
        brand, customer, from_stage, to_stage, at, reason, {{model:String}} AS model,
        {{now:DateTime64(6, 'UTC')}} AS announced_at,
        {{sequence:UInt64}} + row_number() OVER (PARTITION BY brand, customer ORDER BY at, reason = 'lapse') AS sequence,
        toUInt16(customer % {{partitions:UInt64}}) AS _partition, {{offset:UInt64}} AS _offset
    FROM stage_steps(model = {{model:String}}, until = '2299-12-31 00:00:00', now = {{now:DateTime64(6, 'UTC')}})
    WHERE {scope}
"""


def _evidence(scope: str) -> str:
    return evidence_select(scope, spread=True)


# Table to what makes its rows, for a condition on one part of them; `identity_map` is computed from links and handles.
SELECTS: dict[str, tuple[Callable[[str], str], str]] = {
    "identity_links": (lambda scope: LINK_ROWS.format(scope=scope), "intHash64(a.1)"),
    "evidence": (_evidence, "intHash64(handle)"),
    "minute_counts": (lambda scope: MINUTE_ROWS.format(scope=scope), "toRelativeDayNum(time)"),
    "stage_changes": (lambda scope: _CHANGES.format(scope=scope), "intHash64(customer)"),
}


def parameters_of(model: Model, now: str, *, sequence: int, partitions: int, offset: int) -> dict[str, Any]:
    """Return the parameters of these queries.

    Parameters
    ----------
    now
        The instant up to which stages lapse, as `streams.clock.exact` formats it.
    sequence
        Above which announcements are numbered.
    partitions
        How many partitions the log has: a customer's is its id modulo that.
    offset
        Of the log, that announcements carry.
    """
    mine = {"now": now, "sequence": sequence, "partitions": partitions, "offset": offset}
    return evidence_parameters(model) | mine
