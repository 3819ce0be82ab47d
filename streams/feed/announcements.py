"""Reads changes of stage in the order in which they were announced, each with the channel of the customer's last touch."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from streams.clock import from_us
from streams.edge.readable import ReadableError
from streams.feed import audience_changes
from streams.feed.audience_changes import AUDIENCES, AudienceChange
from streams.feed.envelope import event
from streams.feed.position import BEGINNING, Place, Position
from streams.handles.key import named_by
from streams.handles.links import THEIRS
from streams.handles.readable import ReadableReader, Values
from streams.store.clickhouse import ClickHouse

__all__ = [
    "CHANNEL",
    "NOT_ON_A_CLUSTER",
    "REASON",
    "STAGE",
    "Announcement",
    "Found",
    "Page",
    "Wanted",
    "document",
    "now",
    "read",
    "since",
    "with_handles",
]

STAGE = Literal["none", "attention", "attraction", "affinity", "audience", "advocacy"]
REASON = Literal["evidence", "lapse", "identity", "model"]
CHANNEL = Literal["social", "web", "store", "support", "direct", "other"]
NOT_ON_A_CLUSTER = "the tables are those of a cluster, whose replicas get writes in any order, so that a reader could miss some"
_PAGE = 1_000  # announcements of each partition that are read at once

_RANK = "sipHash64(toString(brand), customer)"
_AFTER = f"""
(sequence >= {{least:UInt64}} OR _partition NOT IN {{partitions:Array(UInt16)}})
    AND (sequence > {{sequences:Array(UInt64)}}[known] OR (sequence = {{sequences:Array(UInt64)}}[known] AND {_RANK} > {{ranks:Array(UInt64)}}[known]))
"""
# Where the next page of each partition ends, and how many there are up to there: so that only these are sorted, in whatever
# order the table is, and one that reads all of a long history does not sort the rest of it for every page.
_ENDS = f"""
WITH indexOf({{partitions:Array(UInt16)}}, _partition) AS known
SELECT _partition AS partition, groupArraySorted(%d)(sequence) AS firsts, length(firsts) AS size, firsts[-1] AS upto
FROM stage_changes WHERE {_AFTER} GROUP BY partition
"""
_READ = f"""
WITH indexOf({{partitions:Array(UInt16)}}, _partition) AS known
SELECT _partition AS partition, sequence, {_RANK} AS rank, toString(brand) AS brand, customer, toString(from_stage) AS from_stage,
    toString(to_stage) AS to_stage, toUnixTimestamp64Micro(at) AS at_us, toString(reason) AS reason, toString(model) AS model,
    toUnixTimestamp64Micro(announced_at) AS announced_us
FROM stage_changes
PREWHERE sequence <= {{last:UInt64}}
WHERE sequence <= {{upto:Array(UInt64)}}[indexOf({{ending:Array(UInt16)}}, _partition)] AND {_AFTER}
ORDER BY partition, sequence, rank
LIMIT {{most:UInt32}} BY partition
"""
_NOW = f"""
SELECT _partition AS partition, max((sequence, {_RANK})) AS last FROM stage_changes GROUP BY partition
UNION ALL
SELECT {AUDIENCES} AS partition, (max(number), toUInt64(0)) AS last FROM audience_changes
"""
# Of each partition the announcement before the first that was made at an instant or later.
_SINCE = f"""
SELECT s._partition AS partition, maxIf((s.sequence, sipHash64(toString(s.brand), s.customer)), s.sequence < f.first) AS last
FROM stage_changes AS s
INNER JOIN
(
    SELECT _partition AS part, if(countIf(announced_at >= {{at:DateTime64(6, 'UTC')}}) = 0, 18446744073709551615,
        minIf(sequence, announced_at >= {{at:DateTime64(6, 'UTC')}})) AS first
    FROM stage_changes GROUP BY part
) AS f ON f.part = s._partition
GROUP BY partition
UNION ALL
SELECT {AUDIENCES} AS partition, (if(countIf(at >= {{at:DateTime64(6, 'UTC')}}) = 0, max(number), maxIf(number, number < first)), toUInt64(0)) AS last
FROM audience_changes
CROSS JOIN (SELECT minIf(number, at >= {{at:DateTime64(6, 'UTC')}}) AS first FROM audience_changes) AS f
"""
# When a brand met each of these handles last.
_LAST = """
SELECT toString(brand) AS brand, handle, toUnixTimestamp64Micro(CAST(max(last_seen), 'DateTime64(6, \\'UTC\\')')) AS last_us
FROM evidence
WHERE model = (SELECT model FROM model_in_force) AND brand IN {brands:Array(String)} AND handle IN {handles:Array(UInt64)}
GROUP BY brand, handle
"""
# The channel, by the model in force, of the latest touch of each of these handles up to an instant; on these days, or any without.
_TOUCHES = """
WITH arrayZip({numbers:Array(UInt32)}, {brands:Array(String)}, {handles:Array(UInt64)}, {instants:Array(Int64)}) AS asked,
    (SELECT channels FROM model_in_force) AS channel_of
SELECT w.a.1 AS n, argMax(i.area, (i.time, i.source, i.id)) AS area, transform(area, mapKeys(channel_of), mapValues(channel_of), 'other') AS channel
FROM (SELECT arrayJoin(asked) AS a) AS w
INNER JOIN
(
    SELECT toString(brand) AS brand, handle, time, substringIndex(type, '.', 1) AS area, source, id FROM interactions_kept
    WHERE brand IN {brands:Array(String)} AND (empty({days:Array(Date32)}) OR toDate32(time) IN {days:Array(Date32)})
        AND handle IN {handles:Array(UInt64)} AND NOT startsWith(type, 'identity.')
) AS i ON i.brand = w.a.2 AND i.handle = w.a.3
WHERE toUnixTimestamp64Micro(i.time) <= w.a.4
GROUP BY n
"""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A change of stage as it was announced.

    Attributes
    ----------
    at_us
        Time of the interaction that brought it, or last instant of the stage that lapsed.
    reason
        evidence, lapse, identity (handles joined or parted) or model.
    channel
        Of the customer's latest touch up to then; "" where all of those have expired.
    position
        Of a reader who has this one too.
    handles
        The customer's readable handles, by kind, for a reader who may have them; None for others.
    """

    partition: int
    sequence: int
    brand: str
    customer: int
    from_stage: str
    to_stage: str
    at_us: int
    reason: str
    model: str
    announced_us: int
    channel: str
    position: Position
    handles: Values | None = None


Found = Announcement | AudienceChange
"""What the feed has."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The announcements that a reader wants: of these brands, stages, reasons and channels; all where a set is empty.

    Attributes
    ----------
    stages
        That the customer comes to.
    left
        That the customer leaves.
    channels
        Of the customer's latest touch.
    audiences
        Names of audiences: then the reader wants who enters and leaves these, of the brands, in the place of changes of stage.
    """

    brands: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()

    def takes(self, row: dict[str, Any]) -> bool:
        """Return whether a row is wanted, as far as its own columns tell."""
        return all(
            not wanted or row[name] in wanted
            for name, wanted in (
                ("brand", self.brands), ("to_stage", self.stages), ("from_stage", self.left), ("reason", self.reasons)
            )
        )  # fmt: skip


@dataclass(slots=True)
class Page:
    """What one reading found: announcements that are wanted, and where the reader stands after all that was read."""

    announcements: Sequence[Found] = field(default_factory=list)
    position: Position = BEGINNING
    is_whole: bool = True
    """Whether nothing more was there."""
    is_held: bool = False
    """Whether nothing was read, since the key by which customers are named is being changed: it is soon over."""


def now(store: ClickHouse) -> Position:
    """Return the position after all that is announced."""
    return _position(store, _NOW, {})


def since(store: ClickHouse, at: datetime) -> Position:
    """Return the position before the first announcement of each partition that was made at an instant or later."""
    return _position(store, _SINCE, {"at": at})


def _position(store: ClickHouse, sql: str, parameters: dict[str, Any]) -> Position:
    key = named_by(store)
    rows = store.rows(sql, parameters)
    places = {int(row["partition"]): Place(*row["last"]) for row in rows if row["last"][0]}
    # While another key takes the place of this one, ranks are of neither: that of the sequence alone is whole.
    return (
        Position(places, key) if key is not None and key == named_by(store) else Position(places, "changing")
    )


def read(
    store: ClickHouse,
    position: Position,
    wanted: Wanted,
    most: int = _PAGE,
    readable: ReadableReader | None = None,
) -> Page:
    """Return the next announcements after a position, at most so many of each partition; a customer's are in order.

    Parameters
    ----------
    readable
        What gives a reader readable handles of customers who may have them.

    Raises
    ------
    QueryError, StoreError
        The store does not answer.
    ReadableError
        A readable handle cannot be given.
    """
    key = named_by(store)
    if key is None:  # for a moment: another key takes its place
        return Page(position=position, is_whole=False, is_held=True)
    held = Page(position=position, is_whole=False, is_held=True)
    reading = _read_audiences if wanted.audiences else _read
    page = reading(store, position.under(key), wanted, min(most, _PAGE))
    if readable is not None and page.announcements:
        found = with_handles(store, page.announcements, readable, key)
        return held if found is None else replace(page, announcements=found)
    return page if key == named_by(store) else held


def with_handles(
    store: ClickHouse, announcements: Sequence[Found], readable: ReadableReader, key: str
) -> Sequence[Found] | None:
    """Return announcements that name customers under a key with the readable handles of these; None once it is another key.

    Who left an audience under a name, and is in it under another, has none there: their numbers are not to be taken out.

    Raises
    ------
    ReadableError
        A readable handle cannot be given.
    """
    try:
        found = readable.of(store, {(one.brand, one.customer) for one in announcements})
        stay = audience_changes.staying(
            store, [one for one in announcements if isinstance(one, AudienceChange)]
        )
    except ReadableError:
        if key == named_by(store):
            raise
        return None  # of some tables another key has taken the place already
    if key != named_by(store):
        return None
    return [
        replace(one, handles={} if _is_left(one, stay) else found[one.brand, one.customer])
        for one in announcements
    ]


def _is_left(one: Found, stay: Collection[tuple[str, str, int]]) -> bool:
    return (
        isinstance(one, AudienceChange)
        and one.change == "left"
        and (one.brand, one.audience, one.customer) in stay
    )


def _read_audiences(store: ClickHouse, position: Position, wanted: Wanted, most: int) -> Page:
    found = audience_changes.changes(store, position, wanted.audiences, wanted.brands, most)
    return Page(found, found[-1].position if found else position, is_whole=len(found) < most)


def _read(store: ClickHouse, position: Position, wanted: Wanted, most: int) -> Page:
    known = sorted(position.places)
    places = [position.places[partition] for partition in known]
    after = {
        "partitions": known,
        "sequences": [place.sequence for place in places],
        "ranks": [place.rank for place in places],
        "least": min((place.sequence for place in places), default=0),
    }
    ends = store.rows(_ENDS % most, after)
    upto = {"ending": [end["partition"] for end in ends], "upto": [end["upto"] for end in ends]}
    last = max((end["upto"] for end in ends), default=0)
    rows = store.rows(_READ, after | upto | {"last": last, "most": most}) if ends else []
    by_partition: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_partition[row["partition"]].append(row)
    found: list[Announcement] = []
    # Of a partition in the order of its sequences, whatever its clock said; between partitions by the time.
    ordered = list(heapq.merge(*map(_rising, by_partition.values()), key=lambda pair: pair[0]))
    channels = _channels(store, [row for _, row in ordered if wanted.takes(row)])
    for _, row in ordered:
        place = Place(row["sequence"], row.pop("rank"))
        position = position.after(row["partition"], place)
        if not wanted.takes(row):
            continue
        channel = channels.get((row["brand"], row["customer"], row["at_us"]), "")
        if not wanted.channels or channel in wanted.channels:
            found.append(Announcement(**row, channel=channel, position=position))
    return Page(found, position, is_whole=all(end["size"] < most for end in ends))


def _rising(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield rows with the latest time so far, by which those of several partitions are merged."""
    latest = 0
    for row in rows:
        latest = max(latest, row["announced_us"])
        yield latest, row


def _channels(store: ClickHouse, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, int, int], str]:
    """Return the channel of the latest touch of each brand, customer and instant.

    Its day is mostly known: that of the instant, where the touch brought the change, or that on which the brand met the
    customer last. So a question costs what these days have; it costs all of history for who came back since.
    """
    asked = sorted({(row["brand"], row["customer"], row["at_us"]) for row in rows})
    if not asked:
        return {}
    handles = {
        row["named"]: row["handles"]
        for row in store.rows(THEIRS, {"customers": [customer for _, customer, _ in asked]})
    }
    brought = {(row["brand"], row["customer"], row["at_us"]) for row in rows if row["reason"] == "evidence"}
    others = [one for one in asked if one not in brought]
    last_us = _last(store, others, handles) if others else {}
    known = [one for one in asked if one in brought or last_us.get(one[:2], one[2]) <= one[2]]
    days = {from_us(one[2] if one in brought else last_us.get(one[:2], one[2])).date() for one in known}
    unknown = sorted(set(asked) - set(known))
    return _latest(store, known, handles, sorted(days)) | _latest(store, unknown, handles, [])


def _last(
    store: ClickHouse, asked: Sequence[tuple[str, int, int]], handles: dict[int, list[int]]
) -> dict[tuple[str, int], int]:
    """Return when each brand met each customer last, where it did."""
    every = sorted({handle for _, customer, _ in asked for handle in handles.get(customer, ())})
    found = store.rows(_LAST, {"brands": sorted({brand for brand, _, _ in asked}), "handles": every})
    met = {(row["brand"], row["handle"]): int(row["last_us"]) for row in found}
    return {
        (brand, customer): max(last)
        for brand, customer, _ in asked
        if (last := [met[brand, handle] for handle in handles.get(customer, ()) if (brand, handle) in met])
    }


def _latest(
    store: ClickHouse,
    asked: Sequence[tuple[str, int, int]],
    handles: dict[int, list[int]],
    days: Sequence[date],
) -> dict[tuple[str, int, int], str]:
    """Return the channel of the latest touch of each, on these days, or on any where there are none."""
    pairs = [(number, handle) for number, one in enumerate(asked) for handle in handles.get(one[1], ())]
    if not pairs:
        return {}
    found = store.rows(
        _TOUCHES,
        {
            "numbers": [number for number, _ in pairs],
            "brands": [asked[number][0] for number, _ in pairs],
            "handles": [handle for _, handle in pairs],
            "instants": [asked[number][2] for number, _ in pairs],
            "days": days,
        },
    )
    return {asked[row["n"]]: str(row["channel"]) for row in found}


def document(said: Found) -> dict[str, Any]:
    """Return what was found as a CloudEvent (1.0, JSON). `source` and `id` are the same however often it is read."""
    if isinstance(said, AudienceChange):
        return audience_changes.document(said)
    return event(
        "journey.stage.changed",
        f"{said.sequence}",
        said,
        {
            "from": said.from_stage,
            "to": said.to_stage,
            "reason": said.reason,
            "channel": said.channel or None,
            "model": said.model,
            "announced_at": from_us(said.announced_us).isoformat(),
        },
    )
