"""How long a restart takes with a million handles."""

import time
from pathlib import Path

from streams.embedded.embedded import Embedded
from streams.settings import Settings

HANDLES = 1_000_000

FILL = """
INSERT INTO identity_map SELECT sipHash64(number), ['cookie', 'email', 'loyalty'][number % 3 + 1],
    least(sipHash64(number), sipHash64(bitXor(number, 1))), sipHash64(number), 1, 0, 1 FROM numbers({n});
INSERT INTO identity_links (left_handle, right_handle, left_kind, right_kind, source, said, first_seen, last_seen, _partition, _offset)
    SELECT least(a, b), greatest(a, b), ['cookie', 'email', 'loyalty'][if(a < b, 2 * number, 2 * number + 1) % 3 + 1],
        ['cookie', 'email', 'loyalty'][if(a < b, 2 * number + 1, 2 * number) % 3 + 1], 'bench', 1, now64(6), now64(6), 0, 1
    FROM (SELECT number, sipHash64(2 * number) AS a, sipHash64(2 * number + 1) AS b FROM numbers(intDiv({n}, 2)));
INSERT INTO evidence (model, brand, handle, attention, attraction, touches_web, first_seen, last_seen, _partition, _offset)
    SELECT '{model}', 'bench', sipHash64(number), 1e6, if(number % 2, 1e7, NULL), 3, now64(6), now64(6), 0, 1 FROM numbers({n});
INSERT INTO interactions (event, time, brand, type, handle, handles, kinds, _partition, _offset)
    SELECT reinterpretAsUInt128(sipHash128(number)), now64(6) - number / 2, 'bench', 'web.click', sipHash64(number), [sipHash64(number)], ['cookie'], 0, 1 FROM numbers({n})
"""


def run(folder: Path) -> None:
    """Fill a store with a million handles, two a customer, and a million recent ids; print the restore time."""
    with Embedded(Settings(folder / "restore")) as engine:
        for statement in FILL.format(n=HANDLES, model=engine.model.hash).split(";"):
            engine.store.client.command(statement)
    with Embedded(Settings(folder / "restore")) as engine:
        started = time.perf_counter()
        state = engine.engine
        seconds = time.perf_counter() - started
        handles = len(state.identity.graph.handles)
        size = state.identity.nbytes + state.journey.state.nbytes
        print(
            f"restore of {handles:,} handles, {len(state.identity.graph.links):,} links, {len(state.intake.seen):,} ids: "
            f"{seconds:.1f} s (aim 10), {size / handles:.0f} bytes a handle (aim 250), "
            f"{state.intake.seen.nbytes / len(state.intake.seen):.0f} bytes an id (aim 24)"
        )
        started = time.perf_counter()
        engine.tick()
        print(f"first announcement after it, every customer compared: {time.perf_counter() - started:.1f} s")
