"""The tables that the programs fill, and their buffered inserts: rows by the thousand through clickhouse-connect."""

import time
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect

from tests.benchmarks.cluster.job import CHANNELS, STAGES, State, Touch, evidence_row

__all__ = ["TABLES", "Sink"]

ROWS = 10_000
SECONDS = 1.0
_SUMS = ", ".join(f"{name} Nullable(Float64)" for name in STAGES)
_TOUCHES = ", ".join(f"touches_{name} UInt64" for name in CHANNELS)
# The events' columns are those of our own table, without partition and offset.
TABLES = (
    """CREATE TABLE interactions (event UInt128, time DateTime64(6, 'UTC'), brand LowCardinality(String),
    type LowCardinality(String), source LowCardinality(String), id String, handle UInt64, handles Array(UInt64),
    kinds Array(LowCardinality(String)), content String, product String, place LowCardinality(String),
    campaign LowCardinality(String), device LowCardinality(String), amount Nullable(Decimal(18, 4)),
    currency LowCardinality(String), rating Nullable(Float64), sentiment Nullable(Float64), cause String,
    properties String) ENGINE = MergeTree ORDER BY (brand, toDate32(time), handle, time)""",
    f"""CREATE TABLE evidence (brand LowCardinality(String), handle UInt64, {_SUMS}, {_TOUCHES},
    revenue Map(String, Decimal(38, 4)), first_seen DateTime64(6, 'UTC'), last_seen DateTime64(6, 'UTC'),
    version UInt64) ENGINE = ReplacingMergeTree(version) ORDER BY (brand, handle)""",
    """CREATE TABLE links (handle UInt64, linked Array(UInt64), version UInt64)
    ENGINE = ReplacingMergeTree(version) ORDER BY handle""",
)
_COLUMNS = {
    "interactions": [
        "event", "time", "brand", "type", "source", "id", "handle", "handles", "kinds", "content", "product", "place",
        "campaign", "device", "amount", "currency", "rating", "sentiment", "cause", "properties",
    ],
    "evidence": [
        "brand", "handle", *STAGES, *[f"touches_{name}" for name in CHANNELS],
        "revenue", "first_seen", "last_seen", "version",
    ],
    "links": ["handle", "linked", "version"],
}  # fmt: skip


class Sink:
    """Rows on their way to ClickHouse: of a handle, only as it is when they are written."""

    def __init__(self, dsn: str) -> None:
        address = urlsplit(dsn)
        self._client = clickhouse_connect.get_client(
            host=address.hostname or "",
            port=address.port or 0,
            username=address.username or "default",
            database=address.path.strip("/"),
            autogenerate_session_id=False,
        )
        self._begin()

    def _begin(self) -> None:
        self.interactions: list[list[Any]] = []
        self.evidence: dict[tuple[str, int], State] = {}
        self.links: dict[int, list[int]] = {}
        self._since_s = 0.0

    def add(self, one: Touch, state: State | None, linked: list[int] | None) -> None:
        """Take an event, the state of its handle, and the handles linked to that, if there are others."""
        if not self.interactions:
            self._since_s = time.monotonic()
        self.interactions.append(one.row)
        if state is not None:
            self.evidence[one.brand, one.handle] = state
        if linked:
            self.links[one.handle] = linked

    @property
    def is_due(self) -> bool:
        """Whether it is time to write."""
        waiting = len(self.interactions)
        return waiting >= ROWS or (waiting > 0 and time.monotonic() >= self._since_s + SECONDS)

    def take(self) -> dict[str, list[list[Any]]]:
        """Return rows by table, and begin anew."""
        evidence = [evidence_row(brand, handle, state) for (brand, handle), state in self.evidence.items()]
        links = [[handle, linked, len(linked)] for handle, linked in self.links.items()]
        rows = {"interactions": self.interactions, "evidence": evidence, "links": links}
        self._begin()
        return rows

    def write(self, rows: dict[str, list[list[Any]]]) -> None:
        """Insert rows."""
        for table, some in rows.items():
            if some:
                self._client.insert(table, some, column_names=_COLUMNS[table])

    def flush(self) -> None:
        """Write what there is."""
        self.write(self.take())
