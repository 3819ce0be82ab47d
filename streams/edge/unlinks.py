"""Expands identity.unlink events so that two people part in all forms of their handles, and no handle from itself."""

from itertools import accumulate, islice, product
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.event import UNLINK
from streams.edge.fast_path import Columns
from streams.edge.rows import Rows

if TYPE_CHECKING:
    from streams.edge.handles import Handles

__all__ = ["in_all_forms"]

_ID_BYTES = 8
_MOST = 256  # events that one becomes: two values for each of eight handles


def in_all_forms(rows: Rows) -> Rows:
    """Return the rows; an unlink of values that have several forms becomes one event for each choice of forms.

    An event withdraws the link between each pair of its handles, and the forms of one value are to stay one customer. Those added
    come behind all others, and only in stores that have handles under earlier rules.
    """
    handles = rows.columns.values["handles"]
    unlinks = np.flatnonzero(pc.equal(rows.columns.texts["type"], UNLINK).to_numpy(zero_copy_only=False))
    if not len(unlinks):
        return rows
    more: list[tuple[int, str, Handles]] = []
    for row in unlinks.tolist():
        if handles[row][3]:
            first, *others = _choices(handles[row])
            handles[row] = first
            name = rows.columns.values["id"][row]
            more += [(row, f"{name} (forms {number})", each) for number, each in enumerate(others, 2)]
    if not more:
        return rows
    at = [*range(len(rows)), *(row for row, _, _ in more)]
    values = {name: [column[row] for row in at] for name, column in rows.columns.values.items()}
    values["id"][len(rows) :] = [name for _, name, _ in more]
    values["handles"][len(rows) :] = [each for _, _, each in more]
    texts = {name: column.take(pa.array(at)) for name, column in rows.columns.texts.items()}
    places = [rows.places[row] for row in at]
    return Rows(places, Columns(values, texts), rows.time_us[at], rows.suspects)


def _choices(handles: "Handles") -> list["Handles"]:
    """Return the handles with one form of each value, for every choice."""
    codes, ids, _, sizes = handles
    ends = list(accumulate(sizes))
    values = [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]
    chosen: list[Handles] = []
    for places in islice(product(*values), _MOST):
        picked = b"".join(ids[place * _ID_BYTES : (place + 1) * _ID_BYTES] for place in places)
        primary = b"\0%d" % int.from_bytes(picked[:_ID_BYTES], "little")
        chosen.append((bytes(codes[place] for place in places), picked, primary, ()))
    return chosen
