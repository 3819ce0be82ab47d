"""Queries what was written to the tables of a data directory after a copy of them: what brings a state up to date.

What a table says of a link, a handle or a sum is asked as a whole for each that has changed, so that taking it up again is
harmless. A data directory has one partition.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from journey.stage import STAGE_NAMES
from streams.store.restore import Restoring

__all__ = ["Later", "later"]

_SUMS = ", ".join(f"ifNull(sum({name}), nan) AS {name}" for name in STAGE_NAMES)
_LINKS = """
    SELECT left_handle, right_handle, any(left_kind) AS left_kind, any(right_kind) AS right_kind,
        sum(said) AS said, max(withdrawn_at) AS withdrawn_at, max(restored_at) AS restored_at
    FROM identity_links
    WHERE (left_handle, right_handle) IN (SELECT left_handle, right_handle FROM identity_links WHERE _offset > {offset:UInt64})
    GROUP BY left_handle, right_handle
"""
_MAPPED = """
    SELECT handle, any(kind) AS kind, argMax(customer, version) AS customer
    FROM identity_map WHERE version > {sequence:UInt64} GROUP BY handle
"""
_EVIDENCE = f"""
    SELECT brand, handle, {_SUMS} FROM evidence
    WHERE model = {{model:String}} AND (brand, handle) IN (SELECT brand, handle FROM interactions WHERE _offset > {{offset:UInt64}})
    GROUP BY brand, handle
"""
_ANNOUNCED = """
    SELECT brand, customer, toString(argMax(to_stage, sequence)) AS stage
    FROM stage_changes WHERE sequence > {sequence:UInt64} GROUP BY brand, customer
"""


@dataclass(frozen=True, slots=True)
class Later:
    """The links, handles, sums of evidence and announcements that were written later, each as it is now.

    Attributes
    ----------
    announced
        Has customers whose stage is none too.
    sequence
        The highest number of a write.
    """

    links: pa.Table
    mapped: pa.Table
    evidence: pa.Table
    announced: pa.Table
    sequence: int


def later(store: Restoring, model: str, offset: int, sequences: Mapping[str, int]) -> Later:
    """Return what was written after an offset of the log, and numbers of writes, by table; nobody may be writing."""
    since = {"model": model, "offset": offset}
    return Later(
        store.arrow(_LINKS, since),
        store.arrow(_MAPPED, since | {"sequence": sequences["identity_map"]}),
        store.arrow(_EVIDENCE, since),
        store.arrow(_ANNOUNCED, since | {"sequence": sequences["stage_changes"]}),
        max(store.sequences().values()),
    )
