"""What it costs to expire interactions, what that frees, and what a state takes once idle handles are let go of."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.embedded.embedded import Embedded
from streams.embedded.expire import expire, let_go
from streams.recovery.derived_tables import FOLLOWING
from streams.recovery.rebuild import Order
from streams.retention.terms import set_idle, set_term
from streams.settings import Settings

INTERACTIONS = 1_000_000
KEPT, IDLE = 2, 6  # months

# Eight events a handle; of four handles, one was heard of in the last month, and the others in the thirteen before it.
FILL = """
    INSERT INTO interactions (event, time, brand, type, source, id, handle, handles, kinds, content, amount, currency, _partition, _offset)
    SELECT reinterpretAsUInt128(sipHash128(number)),
        now64(6) - toIntervalMinute(if(intDiv(number, 8) % 4 = 0, number % 40000, 45000 + sipHash64(intDiv(number, 8)) % 560000 + number % 8 * 60)),
        'bench', ['web.page_view', 'web.purchase', 'social.share', 'store.visit', 'social.like', 'web.review'][number % 6 + 1],
        concat('shop/', toString(number % 20)), toString(number),
        sipHash64(intDiv(number, 8)) AS mine, arrayConcat([mine], if(number % 5 = 0, [sipHash64(intDiv(number, 8), 1)], [])),
        arrayConcat(['cookie'], if(number % 5 = 0, ['email'], [])), concat('https://shop.example.com/', hex(sipHash64(number % 5000))),
        if(number % 6 = 1, toDecimal64(number % 90, 4), NULL), if(number % 6 = 1, 'EUR', ''), 0, intDiv(number, 5000) + 1
    FROM numbers({n})
"""
BOOKS = "INSERT INTO deliveries (topic, received, stored, _offset) SELECT 'bench', count(), count(), _offset FROM interactions GROUP BY _offset"
BYTES = """
    SELECT sumIf(bytes_on_disk, table = 'interactions') AS interactions, sumIf(bytes_on_disk, startsWith(table, 'carried_')) AS sums,
        sumIf(bytes_on_disk, table = 'expired_events') AS keys
    FROM system.parts WHERE active AND database = currentDatabase()
"""


def run(folder: Path) -> None:
    """Fill a directory with a million interactions; print CPU, bytes and the size of the state before and after."""
    with Embedded(Settings(folder / "retention")) as embedded:
        store = embedded.store
        store.client.command(FILL.format(n=INTERACTIONS))
        store.client.command("OPTIMIZE TABLE interactions FINAL")
        store.client.command(BOOKS)
        embedded.rebuild(Order(FOLLOWING, embedded.clock()))
        before, state = store.rows(BYTES)[0], _state(embedded)
        set_term(store, "bench", KEPT, embedded.clock())
        done: list[Any] = []
        cost = _cost(lambda: done.extend(expire(embedded, lambda *_: None)))
        after = store.rows(BYTES)[0]
        print(
            f"retention: {done[0].events:,} of {INTERACTIONS:,} interactions expire in {cost:.1f} s of CPU"
            f" ({cost / done[0].events * 1e6:.1f} µs each);"
            f" interactions {before['interactions'] / 1e6:.0f} -> {after['interactions'] / 1e6:.0f} MB,"
            f" sums {after['sums'] / 1e6:.1f} MB, keys {after['keys'] / 1e6:.1f} MB"
        )
        set_idle(store, IDLE, embedded.clock())
        gone: list[int] = []
        cost = _cost(lambda: gone.append(let_go(embedded)))
        less = _state(embedded)
        print(
            f"idle handles: {gone[0]:,} of {state[0]:,} let go of in {cost:.1f} s of CPU; the state of handles and customers"
            f" {state[1] / 1e6:.0f} -> {less[1] / 1e6:.0f} MB"
        )


def _state(embedded: Embedded) -> tuple[int, int]:
    """Return how many handles a state has that is restored now, and its bytes."""
    embedded.let_go_of_state()
    engine = embedded.engine
    return len(engine.identity.graph.handles), engine.identity.nbytes + engine.journey.state.nbytes


def _cost(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
