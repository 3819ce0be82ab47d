"""Queries that the engine does not interrupt, and a process that has a reader and connections to ask them on."""

import asyncio
import json
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from streams.page.setup import opened_page
from streams.process.stuck_threads import STUCK, ended_in_any_case
from streams.settings import Settings
from streams.sql.reader import Reader
from streams.store.calls import Limits, OverloadedError
from streams.store.clickhouse import ClickHouse, QueryError
from streams.store.connections import ConnectionPool, StuckError, opener
from tests.analysts.attacks import UNINTERRUPTED

LIMITED = {"readonly": 2, "max_execution_time": 1}


async def asked(reader: Reader) -> dict[str, Any]:
    """Ask all that cannot be interrupted at once, and then, again and again, something else."""

    async def outcome(sql: str) -> str:
        try:
            await reader.run(sql, {}, "TSV", {"max_execution_time": "1"})
        except (StuckError, OverloadedError, QueryError) as error:
            return type(error).__name__
        return "answered"

    stuck = {name: asyncio.ensure_future(outcome(sql)) for name, sql in UNINTERRUPTED.items()}
    took_s = []
    while not all(one.done() for one in stuck.values()):
        await asyncio.sleep(0.2)
        if sum(not one.done() for one in stuck.values()) < reader_limits().threads:
            began = time.monotonic()
            assert (await reader.run("SELECT 1", {}, "TSV")).body == b"1\n"
            took_s.append(time.monotonic() - began)
    told = {name: await one for name, one in stuck.items()}
    again = await outcome(UNINTERRUPTED["like"])
    return {"told": told, "again": again, "others_s": max(took_s, default=0.0)}


def reader_limits() -> Limits:
    """Return a thread for each of them, and one more."""
    count = len(UNINTERRUPTED) + 1
    return Limits(threads=count, spare=count, waiting=4 * count, run_s=30)


def of_connections(data: Path) -> dict[str, Any]:
    """Have a query stuck on the connections of the page, ask another, and close them."""
    connections = ConnectionPool(opener(Settings(data), LIMITED), threads=1)
    rows = [partial(ClickHouse.query, sql=sql, parameters={}) for sql in (UNINTERRUPTED["like"], "SELECT 1")]
    first, second = [connections.submit(lambda store, ask=ask: ask(store)) for ask in rows]
    error = first.exception(60)
    found = second.result(60)
    with opened_page(Settings(data), lambda *_: []) as page:
        assert page is not None
        waiting = page._reader.submit(rows[0])
        time.sleep(0.5)  # it has begun
        began = time.monotonic()
    connections.close()
    return {
        "page": type(waiting.exception(0)).__name__,
        "error": type(error).__name__,
        "second": [list(row) for row in found],
        "close_s": time.monotonic() - began,
    }


def demoted() -> int:
    """Return how many threads of this process have the least priority, once one has."""
    for _ in range(200):
        stats = [
            stat.read_text().rpartition(")")[2].split() for stat in Path("/proc/self/task").glob("*/stat")
        ]
        if found := sum(fields[16] == "19" for fields in stats):
            return found
        time.sleep(0.1)
    return 0


def main(data: Path) -> None:
    """Print what came of it as JSON; the store is closed, and queries go on."""
    with (
        closing(ClickHouse(f"chdb://{data / 'clickhouse'}")),
        closing(Reader(data / "clickhouse", reader_limits())) as reader,
    ):
        found = (
            asyncio.run(asked(reader))
            | {"demoted": demoted()}
            | of_connections(data)
            | {"sentences": STUCK.sentences()}
        )
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    with ended_in_any_case():
        main(Path(sys.argv[1]))
