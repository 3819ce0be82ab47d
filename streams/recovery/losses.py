"""Detects tables of a data directory that have lost rows, by comparing counts, and words what to do about it.

After a power cut, a table may lack its newest part, and others not. What a batch adds to one table it adds to all, so
a few sums show it: touches in `interactions`, `evidence` and `minute_counts`, pairs of handles in `interactions` and
`identity_links`, and the events that `deliveries` has counted. Of a batch that a crash cut short, a table may have
nothing yet: so each is compared up to its own watermark, or up to what the log has let go of, whichever is further.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey.channel import CHANNELS
from streams.recovery.damaged_parts import broken_parts
from streams.recovery.derived_tables import FOLLOWING
from streams.store.clickhouse import ClickHouse
from streams.store.kept import PATHS
from streams.store.sql import CARRIED, EXPIRED

__all__ = ["REBUILT", "Loss", "Losses", "find"]

REBUILT = (
    *FOLLOWING,
    "deliveries",
    PATHS,
)  # tables that a rebuild recreates; deliveries as far as interactions and dead letters tell
_STATE = frozenset(
    {"evidence", "identity_links", "identity_map", "models"}
)  # what the engine's state is restored from
_TOUCH = "NOT startsWith(type, 'identity.')"
_PAIRS = "intDiv(length(handles) * (length(handles) - 1), 2)"
_SAID = "type IN ('identity.link', 'identity.unlink')"
_SUMS = f"""
    SELECT
        (SELECT sum(stored) FROM deliveries) AS booked,
        (SELECT sum(dead_letters) FROM deliveries) AS booked_letters,
        (SELECT sum(events) FROM erasures) + (SELECT count() FROM expired_events WHERE {EXPIRED}) AS erased,
        (SELECT countIf(is_touch) FROM expired_events WHERE {EXPIRED}) AS expired,
        (SELECT sum(touches) FROM carried_touches WHERE {CARRIED}) AS carried,
        (SELECT sum(touches) FROM carried_minutes WHERE {CARRIED}) AS carried_minutes,
        (SELECT sum(said) FROM carried_links WHERE {CARRIED}) AS carried_said,
        (SELECT sum(dead_letters) FROM erasures) AS erased_letters,
        (SELECT sum(if(what = 'lost', -toInt64(handles), toInt64(handles))) FROM erasures
            WHERE at > (SELECT max(applied_at) FROM migrations WHERE startsWith(name, '0016'))) AS buried,
        (SELECT count() FROM (SELECT DISTINCT tombstone, before FROM erased_handles)) AS tombstones,
        (SELECT countIf(what IN ('customer', 'consent granted')) FROM erasures) AS receipts,
        (SELECT uniqExact(before) FROM erased_handles WHERE before < '2299-01-01 00:00:00') AS instants,
        (SELECT countIf(_offset <= {{deliveries:UInt64}}) FROM dead_letters) AS letters,
        (SELECT sum(touches) FROM minute_counts) AS minutes,
        (SELECT sum({" + ".join(f"touches_{name}" for name in CHANNELS)}) FROM evidence WHERE model = {{model:String}}) AS weighed,
        (SELECT sum(said) FROM identity_links) AS said,
        (SELECT countIf(withdrawn_at IS NOT NULL) + countIf(restored_at IS NOT NULL) FROM
            (SELECT max(withdrawn_at) AS withdrawn_at, max(restored_at) AS restored_at FROM identity_links
            GROUP BY left_handle, right_handle, source)) AS decided,
        (SELECT uniqExact(least(a, b), greatest(a, b), source, type)
            FROM
            (
                SELECT toString(type) AS type, source, a, b
                FROM (SELECT type, source, a, handles FROM interactions_kept ARRAY JOIN handles AS a WHERE {_SAID} AND _offset <= {{links:UInt64}})
                ARRAY JOIN handles AS b WHERE a < b
                UNION ALL
                SELECT arrayJoin(arrayFilter(each -> each != '', [if(withdrawn_at IS NULL, '', 'identity.unlink'), if(restored_at IS NULL, '', 'identity.link')])) AS type,
                    source, left_handle AS a, right_handle AS b
                FROM carried_links WHERE {CARRIED}
            )) AS decisions,
        (SELECT count() FROM evidence WHERE model = {{model:String}} AND handle NOT IN (SELECT handle FROM identity_map)) AS unmapped,
        (SELECT count() FROM identity_links
            WHERE _offset <= {{committed:UInt64}} AND (left_handle NOT IN (SELECT handle FROM identity_map)
                OR right_handle NOT IN (SELECT handle FROM identity_map))) AS unmapped_links,
        stored, touches_weighed + carried AS touches_weighed, touches_counted + carried_minutes AS touches_counted,
        pairs + carried_said AS pairs
    FROM
    (
        SELECT
            countIf(_offset <= {{deliveries:UInt64}}) AS stored,
            countIf(_offset <= {{evidence:UInt64}} AND {_TOUCH}) AS touches_weighed,
            countIf(_offset <= {{minutes:UInt64}} AND {_TOUCH}) AS touches_counted,
            sumIf({_PAIRS}, _offset <= {{links:UInt64}} AND type != 'identity.unlink') AS pairs
        FROM interactions_kept
    )
"""
# When the frames came of which interactions are missing, and from where; after an erasure, at worst too many of them.
_MISSING = f"""
    SELECT min(received_at) AS since, max(received_at) AS until, arraySort(groupUniqArray(3)(topic)) AS topics
    FROM deliveries AS d
    LEFT JOIN
    (
        SELECT _partition, _offset, count() AS n
        FROM (SELECT _partition, _offset FROM interactions_kept UNION ALL SELECT _partition, _offset FROM expired_events WHERE {EXPIRED})
        GROUP BY _partition, _offset
    ) AS i
        ON i._partition = d._partition AND i._offset = d._offset
    WHERE d.stored > i.n
"""
_UNBOOKED = """
    SELECT count() AS n FROM (SELECT DISTINCT _partition, _offset FROM interactions WHERE _offset <= {committed:UInt64})
    WHERE (_partition, _offset) NOT IN (SELECT _partition, _offset FROM deliveries)
"""
_PERHAPS_ERASED = (
    ", or were erased on purpose: receipts of erasures are lost too, so send nothing again before you know that;"
    " journey rebuild --write-off enters them as lost"
)
_TAKEN_AGAIN = (
    "customers who were forgotten, or denied consent, may be taken again: give those commands again, then"
    " journey rebuild --write-off, which ends this line"
)


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss of one table, in words; `rows` are lost for good: no rebuild brings them back."""

    table: str
    said: str
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Losses:
    """The losses of the tables; nothing, most of the time.

    Attributes
    ----------
    found
        Of which tables, in words.
    rebuild
        Tables that are to be rebuilt.
    """

    found: tuple[Loss, ...] = ()
    rebuild: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether a state restored from these tables would be wrong: nothing is processed then."""
        return any(loss.table in _STATE for loss in self.found)

    @property
    def command(self) -> str:
        """The command that mends what can be mended; "" where nothing can."""
        if any(loss.table == "models" for loss in self.found):
            return "journey model apply FILE"
        which = "" if set(self.rebuild) >= set(FOLLOWING) else " " + " ".join(self.rebuild)
        return f"journey rebuild{which}" if self.rebuild else ""

    @property
    def refusal(self) -> str:
        """Why nothing is processed, in one line."""
        names = ", ".join(loss.table for loss in self.found)
        return f"data was lost ({names}): nothing is processed until {self.command} has run"

    def without_model(self, model: str) -> "Losses":
        """Return these with the loss of the active model's file: then nothing is rebuilt under another model."""
        said = f"the A-Path model that was in force ({model}) is gone, and the bundled one stands in for it"
        return Losses((Loss("models", said), *self.found))

    def with_emptied(self, tables: Sequence[str]) -> "Losses":
        """Return these and tables that were recreated without their rows, where the counts do not show that."""
        known = {loss.table for loss in self.found}
        more = [Loss(table, f"{table} was recreated and is empty") for table in tables if table not in known]
        rebuild = {*self.rebuild, *(loss.table for loss in more)}
        return Losses((*self.found, *more), tuple(table for table in REBUILT if table in rebuild))

    def lost(self, table: str) -> int:
        """Return how many rows of a table are lost for good."""
        return sum(loss.rows for loss in self.found if loss.table == table)

    def __str__(self) -> str:
        """Say what is wrong, and what to do, in one line; "" for nothing."""
        if not self.found:
            return ""
        said = "; ".join(loss.said for loss in self.found)
        return f"data was lost: {said}" + (f": run {self.command}" if self.command else "")


def find(store: ClickHouse, model: str, committed: int) -> Losses:
    """Compare the tables with one another, at the cost of a few scans; nobody may be writing.

    Parameters
    ----------
    model
        Hash of the active model.
    committed
        Offset up to which the log has let frames go, since every table had them.
    """
    marks = store.watermarks()

    def limit(table: str) -> int:
        return max(committed, *marks[table].values(), 0)

    limits = {
        "deliveries": limit("deliveries"), "evidence": limit("evidence"), "minutes": limit("minute_counts"),
        "links": limit("identity_links"), "committed": max(committed, 0),
    }  # fmt: skip
    (row,) = store.rows(_SUMS, {"model": model} | limits)
    counts = {name: int(value) for name, value in row.items()} | {"limit": limits["deliveries"]}
    # Links are written before the map and interactions: of a batch that was cut short they may be ahead.
    ahead = limits["links"] > limit("interactions")
    found = [*_sums(counts), *_books(store, counts), *_following(counts, ahead=ahead)]
    names = {loss.table for loss in found} & set(FOLLOWING)
    if names and any(loss.table == "interactions" and loss.rows for loss in found):
        names = set(FOLLOWING)  # each has something of what is lost
    books = {loss.table for loss in found} & {"deliveries"}
    return Losses(tuple(found), tuple(table for table in REBUILT if table in names | books))


def _sums(n: dict[str, int]) -> list[Loss]:
    """Return losses of the sums of expired interactions; what they lack is not looked for in other tables."""
    lost = max(n["expired"] - n["carried"], 0)
    n["touches_weighed"] += lost
    n["touches_counted"] += max(n["expired"] - n["carried_minutes"], 0)
    if not lost:
        return []
    said = f"carried_touches lacks {lost:,} touches that expired, and cannot be rebuilt: restore a backup"
    return [Loss("carried_touches", said, lost)]


def _books(store: ClickHouse, n: Mapping[str, int]) -> list[Loss]:
    found = []
    if (lost := n["booked"] - n["stored"] - n["erased"]) > 0:
        when = _PERHAPS_ERASED if _lacks_receipts(store, n) else _when(store)
        found.append(Loss("interactions", f"interactions lacks {lost:,} events that were stored{when}", lost))
    # What was erased since stands in no frame any more.
    if lost < 0 and (n["erased"] >= -lost or int(store.rows(_UNBOOKED, {"committed": n["limit"]})[0]["n"])):
        found.append(Loss("deliveries", f"deliveries lacks the books of {-lost:,} events"))
    elif lost < 0:
        found.append(Loss("interactions", f"interactions has {-lost:,} events more than were booked"))
    if (lost := n["booked_letters"] - n["letters"] - n["erased_letters"]) > 0:
        found.append(Loss("dead_letters", f"dead_letters lacks {lost:,} refused events", lost))
    if (lost := n["buried"] - n["tombstones"]) > 0:
        found.append(
            Loss(
                "erased_handles",
                f"erased_handles lacks {lost:,} handles that were erased; {_TAKEN_AGAIN}",
                lost,
            )
        )
    return found


def _lacks_receipts(store: ClickHouse, n: Mapping[str, int]) -> bool:
    """Return whether receipts of erasures are lost: each of customers was at an instant that its handles have too."""
    return n["instants"] > n["receipts"] or "erasures" in broken_parts(store)


def _when(store: ClickHouse) -> str:
    rows: list[dict[str, Any]] = store.rows(_MISSING)
    if not rows or not rows[0]["topics"]:
        return ""
    row = rows[0]
    return (
        f" and cannot be rebuilt (they came from {', '.join(row['topics'])} between {row['since']:%Y-%m-%d %H:%M:%S} and"
        f" {row['until']:%H:%M:%S} UTC; sent again, they are taken)"
    )


def _following(n: Mapping[str, int], *, ahead: bool) -> list[Loss]:
    found = []
    if n["said"] < n["pairs"] or n["decided"] < n["decisions"] or (not ahead and n["said"] > n["pairs"]):
        found.append(
            Loss(
                "identity_links", f"identity_links has {n['said']:,} links of {n['pairs']:,} in interactions"
            )
        )
    if unmapped := n["unmapped"] + n["unmapped_links"]:
        found.append(Loss("identity_map", f"identity_map lacks handles of {unmapped:,} rows of other tables"))
    for table, mine, theirs in (
        ("evidence", "weighed", "touches_weighed"),
        ("minute_counts", "minutes", "touches_counted"),
    ):
        if n[mine] != n[theirs]:
            found.append(Loss(table, f"{table} has {n[mine]:,} touches of {n[theirs]:,} in interactions"))
    return found
