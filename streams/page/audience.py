"""Matches one's own list of customers, given as CSV, with those of a brand. Nothing of the list is stored, logged or kept."""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from journey.errors import UserError
from journey.identity.handle import KINDS
from journey.stage import STAGE_NAMES
from streams.clock import Clock, aware, from_us, with_offset
from streams.handles.match import Hasher
from streams.http.guard import SAFE, Guard
from streams.page import render
from streams.page.charts.stats import Stat, stats
from streams.page.markup import tag, together
from streams.page.scope import ScopeError
from streams.page.uploads import Table, table_of, uploaded
from streams.page.values import for_people, for_programs
from streams.page.view import Row
from streams.store.clickhouse import ClickHouse
from streams.store.connections import ConnectionPool

__all__ = ["Audience"]

_TOGETHER = 20_000  # ids of a query
_SOON = timedelta(days=7)
_ADDED = ("customer", "stage", "lapses_at", "last_seen", "touches")
_HEADINGS = {
    "user": {"user", "userid", "customer", "customerid", "account", "accountid", "id"},
    "email": {"email", "mail", "emailaddress"},
    "phone": {"phone", "mobile", "tel", "telephone", "phonenumber", "telefon", "téléphone"},
    "loyalty": {"loyalty", "card", "cardnumber", "loyaltycard", "loyaltyid", "member", "membernumber"},
    "social": {"social", "instagram", "account"},
    "cookie": {"cookie"},
    "device": {"device", "deviceid"},
}  # fmt: skip
_MATCHED = """
SELECT c.handle AS handle, s.customer AS customer, toString(s.stage) AS stage, s.lapses_at AS lapses_at, s.last_seen AS last_seen, s.touches AS touches
FROM (SELECT * FROM standings WHERE brand = {brand:String}) AS s
INNER JOIN (SELECT handle, customer FROM customers WHERE handle IN {ids:Array(UInt64)}) AS c ON c.customer = s.customer
"""


@dataclass(frozen=True, slots=True, repr=False)
class _Matched:
    """The list, and for each of its lines the customer; None for nobody."""

    table: Table
    customers: Sequence[Row | None]


class Audience:
    """The route that a list is sent to.

    Parameters
    ----------
    hasher
        Hashes in this process; None where there is no key.
    zones
        In which times are, by brand; that of "" for all others, UTC without it.
    """

    def __init__(
        self,
        hasher: Hasher | None,
        reader: ConnectionPool,
        guard: Guard,
        clock: Clock,
        zones: Mapping[str, tzinfo],
    ) -> None:
        self._zones = zones
        self._hasher, self._reader, self._guard, self._clock = hasher, reader, guard, clock
        self._one = asyncio.Semaphore(1)

    async def answer(self, request: Request) -> Response:
        """Return the list with what is known of each customer, as CSV or in figures."""
        if (refused := self._guard.refused_change(request)) is not None:
            return refused
        if self._one.locked():  # each takes memory
            raise ScopeError("another list is being matched: try again in a moment")
        async with self._one:
            return await self._answered(request)

    async def _answered(self, request: Request) -> Response:
        form = await uploaded(request)
        texts = {
            name: form.get(name, b"").decode("utf-8", "replace") for name in ("brand", "kind", "column", "as")
        }
        viewer = self._guard.viewer(request)
        if viewer is None or not viewer.sees(texts["brand"]):
            raise ScopeError("brand: unknown")
        try:
            found = await self._matched(form.get("list", b""), texts)
        except UserError as error:
            raise ScopeError(str(error)) from None
        if texts["as"] == "csv":
            headers = SAFE | {"content-disposition": 'attachment; filename="audience.csv"'}
            zone = self._zones.get(texts["brand"]) or self._zones.get("") or UTC
            return StreamingResponse(
                _lines(found, zone), media_type="text/csv; charset=utf-8", headers=headers
            )
        return Response(
            self._figures(found, texts["brand"]), media_type="text/html; charset=utf-8", headers=SAFE
        )

    async def _matched(self, content: bytes, texts: Mapping[str, str]) -> _Matched:
        if self._hasher is None:
            raise ScopeError("this page has no handle key: a list cannot be matched here")
        table = await asyncio.to_thread(table_of, content)
        kind, column = _column(table.headings, texts["kind"], texts["column"].strip())
        values = [line[column].strip() if column < len(line) else "" for line in table.lines]
        ids = await asyncio.to_thread(self._hasher, kind, values, texts["brand"])
        known: dict[int, Row] = {}
        distinct = sorted({each for of_value in ids for each in of_value})
        for begin in range(0, len(distinct), _TOGETHER):
            asked = {"brand": texts["brand"], "ids": distinct[begin : begin + _TOGETHER]}
            known |= await self._reader.run(lambda store, asked=asked: _rows(store, asked))  # type: ignore[misc]
        return _Matched(table, [next((known[each] for each in of if each in known), None) for of in ids])

    def _figures(self, found: _Matched, brand: str) -> str:
        """Return a page with how many were found, by stage; nothing of the list is on it."""
        theirs = {row["customer"]: row for row in found.customers if row is not None}
        lines = len(found.customers)
        matched = sum(row is not None for row in found.customers)
        by_stage = Counter(row["stage"] for row in theirs.values())
        now = from_us(self._clock())
        soon = sum(row["lapses_at"] is not None and row["lapses_at"] < now + _SOON for row in theirs.values())
        shown = [
            Stat("Lines", f"{lines:,}"),
            Stat("Found", f"{matched:,}", [for_people(matched / lines, "share")]),
            Stat("Customers", f"{len(theirs):,}"),
            *(Stat(name.capitalize(), f"{by_stage[name]:,}", class_=f"stage-{n + 1}") for n, name in reversed([*enumerate(STAGE_NAMES)])),
            Stat("Without a stage", f"{by_stage['none']:,}"),
            Stat("Lapse in 7 days", f"{soon:,}"),
        ]  # fmt: skip
        said = "Of your list, as it was sent; nothing of it was kept. Go back, where the file is still chosen, for the CSV."
        back = tag("a", "Back", href=f"/view/audience?{urlencode({'brand': brand})}")
        inner = [
            tag("h1", f"Your list, with {brand}"),
            tag("p", said, class_="lead"),
            stats("Your list", shown),
            tag("p", back, class_="ways"),
        ]
        return render.plain("Your list", together(inner))


def _rows(store: ClickHouse, asked: Mapping[str, Any]) -> dict[int, Row]:
    rows = store.rows(_MATCHED, asked)
    times = ("lapses_at", "last_seen")
    return {row["handle"]: row | {name: row[name] and aware(row[name]) for name in times} for row in rows}


def _column(headings: Sequence[str], kind: str, name: str) -> tuple[str, int]:
    """Return the kind of handle and the column that has it. Raises ScopeError."""
    plain = ["".join(letter for letter in each.casefold() if letter.isalnum()) for each in headings]
    if kind and kind not in KINDS:
        raise ScopeError(f"kind: must be one of {', '.join(KINDS)}")
    if name:
        wanted = "".join(letter for letter in name.casefold() if letter.isalnum())
        if wanted not in plain:
            raise ScopeError("column: the list has none of that heading")
        at = plain.index(wanted)
        found = kind or next((each for each in KINDS if wanted in _HEADINGS[each]), "")
        if not found:
            raise ScopeError("kind: the heading does not say which kind of handle it is; choose one")
        return found, at
    for each in (kind,) if kind else ("loyalty", "email", "phone", *KINDS):
        if (at := next((n for n, heading in enumerate(plain) if heading in _HEADINGS[each]), -1)) >= 0:
            return each, at
    if kind and len(headings) == 1:
        return kind, 0
    raise ScopeError("column: no heading says which one has the customers; name it, and choose the kind")


def _lines(found: _Matched, zone: tzinfo) -> Iterator[str]:
    """Yield the list as CSV: its own columns as they came, and after them what is known of each customer."""
    buffer = io.StringIO()
    lines = csv.writer(buffer)
    lines.writerow([*found.table.headings, *(f"journey_{name}" for name in _ADDED)])
    for own, row in zip(found.table.lines, found.customers, strict=True):
        kinds = ["customer", *[""] * (len(_ADDED) - 1)]
        added = (
            [for_programs(_local(row[name], zone), kind) for name, kind in zip(_ADDED, kinds, strict=True)]
            if row
            else [""] * len(_ADDED)
        )
        lines.writerow([*own, *[""] * (len(found.table.headings) - len(own)), *added])
        if buffer.tell() > 2**16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _local(value: Any, zone: tzinfo) -> Any:
    return with_offset(value, zone) if isinstance(value, datetime) else value
