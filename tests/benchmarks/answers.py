"""What answers cost on a large history: views for all, for one brand and for one customer, and the page, view by view.

Some people are simulated and loaded; SQL multiplies them, each copy with handles, ids and causes of its own, and
`journey rebuild` makes what follows. Nothing is asked ahead: each figure is the first answer of its kind.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from streams.audiences.alone import Exclusive
from streams.embedded.embedded import Embedded
from streams.kept import paths
from streams.kept.upkeep import PathUpkeep
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import Order
from streams.settings import Settings
from streams.store.clickhouse import ClickHouse
from streams.store.connections import opener
from tests.benchmarks.retention import BOOKS
from tests.collector.server import KEY, Collector
from tests.fixtures import commands

__all__ = ["run"]

DAYS, PEOPLE = 60, 3_600  # about 200,000 events
_SOME = 4_000_000  # rows of one INSERT
_COPY = """
    INSERT INTO interactions (event, time, brand, type, source, id, handle, handles, kinds, content, product, place, campaign,
        device, amount, currency, rating, sentiment, cause, properties, _partition, _offset)
    SELECT reinterpretAsUInt128(sipHash128(event, number)), time, brand, type, source, concat(id, '~', toString(number)),
        sipHash64(handle, number), arrayMap(h -> sipHash64(h, number), handles), kinds, content, product, place, campaign,
        device, amount, currency, rating, sentiment, if(cause = '', '', concat(cause, '~', toString(number))),
        replaceRegexpOne(properties, '("share_code": ?"[^"]*)', concat('\\\\1~', toString(number))), 0, _offset + number * {frames:UInt64}
    FROM (SELECT * FROM interactions WHERE position(id, '~') = 0) AS i CROSS JOIN numbers({first:UInt64}, {count:UInt64}) AS n
"""
# Each reads every row and every column of its answer.
_ALL = "SELECT count() AS n, max(cityHash64(toString(tuple(*)))) AS h FROM {}"
VIEWS = {
    "journeys": "journeys",
    "journeys of a brand": "journeys WHERE brand = {brand:String}",
    "journeys of a customer": "journeys WHERE brand = {brand:String} AND customer = {customer:UInt64}",
    "standings of a brand": "standings WHERE brand = {brand:String}",
    "stage_population": "stage_population",
    "stage_history": "stage_history",
    "stage_history, nothing kept": "stage_steps(model = (SELECT model FROM model_in_force), until = (SELECT now64(6)), now = (SELECT now64(6)))",
    "stage_history of a customer": "stage_history WHERE brand = {brand:String} AND customer = {customer:UInt64}",
    "channel_switches": "channel_switches",
    "channel_steps of a brand and two weeks": "channel_steps WHERE brand = {brand:String} AND time >= {since:DateTime} AND time < {until:DateTime}",
    "content_touches of a brand": "content_touches WHERE brand = {brand:String}",
    "showrooming": "showrooming(window_days = 14)",
    "zombies": "zombies(days = 30)",
    "target_progress": "target_progress",
    "cascades": "cascades",
    "cascades of a brand": "cascades WHERE brand = {brand:String}",
    "influencers": "influencers",
}
PAGE = (
    "/", "/view/flow", "/view/channels", "/view/word-of-mouth", "/view/content", "/view/spikes", "/view/targets", "/view/support",
    "/view/lapses", "/view/journey", "/view/customers",
)  # fmt: skip


def run(folder: Path, events: int) -> None:
    """Make the history, and print what each answer takes: wall and CPU seconds, and the peak of the process."""
    (folder / "answers").mkdir()
    collector = Collector(folder / "answers", made=False)
    month = folder / "answers" / "people.ndjson"
    subprocess.run(
        [
            commands.JOURNEY,
            "simulate",
            "--customers",
            str(PEOPLE),
            "--days",
            str(DAYS),
            "--seed",
            "1",
            "--out",
            month,
        ],
        check=True,
    )
    collector.run("load", str(month))
    script = f"from tests.benchmarks.answers import fill; fill({str(collector.data)!r}, {events})"
    subprocess.run([sys.executable, "-c", script], check=True)
    ask(collector.data)
    collector.start()
    try:
        for address in PAGE:
            _printed(address, lambda address=address: _page(collector, address))
    finally:
        collector.stop()


def fill(data: str, events: int) -> None:
    """Multiply the interactions of a data directory until there are so many, and rebuild what follows from them."""
    began = time.monotonic()
    with Embedded(Settings(Path(data), handle_key=KEY)) as engine:
        store = engine.store
        (there,) = store.rows("SELECT count() AS n, max(_offset) AS last FROM interactions")
        copies = max(events // there["n"] - 1, 0)
        step = max(_SOME // there["n"], 1)
        for first in range(1, copies + 1, step):
            given = {"first": first, "count": min(step, copies + 1 - first), "frames": there["last"] + 1}
            store.client.command(_COPY, parameters=given)
        store.client.command("TRUNCATE TABLE deliveries")
        store.client.command(BOOKS)
        engine.rebuild(Order(FOLLOWING, engine.clock()))
        _keep(engine)
        (made,) = store.rows("SELECT count() AS n, uniqExact(handle) AS handles FROM interactions")
    print(
        f"answers: {made['n']:,} interactions of {made['handles']:,} handles, made in {time.monotonic() - began:.0f} s"
    )


def _keep(engine: Embedded) -> None:
    """Keep the paths, as `journey up` does once it runs; print what that takes."""
    upkeep = PathUpkeep(opener(engine.settings, paths.LIMITS), Exclusive(), engine.clock)
    began, used = time.perf_counter(), time.process_time()
    upkeep.keep(engine.store)
    upkeep.close()
    (kept,) = engine.store.rows(
        "SELECT sum(rows) AS n, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND table = 'kept_paths'"
    )
    print(
        f"  {kept['n']:,} paths kept in {time.perf_counter() - began:.0f} s, {time.process_time() - used:.0f} s of CPU: {kept['bytes'] / 1e6:.0f} MB"
    )


def ask(data: Path) -> None:
    """Ask each view once, in a process that has the directory open, and print what it took."""
    with Embedded(Settings(data, handle_key=KEY)) as engine:
        given = _one(engine.store)
        for name, view in VIEWS.items():
            sql = _ALL.format(view)
            _printed(name, lambda sql=sql: engine.store.rows(sql, given))


def _one(store: ClickHouse) -> dict[str, Any]:
    """Return a brand, a customer of it with many touches, and two weeks."""
    (row,) = store.rows(
        "SELECT brand, customer, toStartOfDay(max(last_seen)) AS last FROM standings GROUP BY brand, customer ORDER BY max(touches) DESC, customer LIMIT 1"
    )
    since = row["last"].replace(tzinfo=None)
    return {
        "brand": row["brand"],
        "customer": row["customer"],
        "since": f"{since:%Y-%m-%d} 00:00:00",
        "until": f"{since:%Y-%m-%d} 23:59:59",
    }


def _page(collector: Collector, address: str) -> int:
    connection = HTTPConnection("127.0.0.1", collector.port, timeout=120)
    connection.request("GET", address)
    answer = connection.getresponse()
    size = len(answer.read())
    connection.close()
    if answer.status != HTTPStatus.OK:
        raise SystemExit(f"{address} is answered with {answer.status}")
    return size


def _printed(name: str, work: Callable[[], Any]) -> None:
    began, used = time.perf_counter(), time.process_time()
    found = work()
    said = found[0]["n"] if isinstance(found, list) else found
    print(
        f"  {name:<42} {time.perf_counter() - began:7.2f} s {time.process_time() - used:7.2f} s CPU   {said:>12,}",
        flush=True,
    )
