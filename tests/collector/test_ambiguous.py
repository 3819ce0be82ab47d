"""Figure 4: a request gets lost, or its answer is cut off; the client cannot tell, and sends again until it is answered."""

from collections import Counter

import pytest

from tests.collector.load import Load
from tests.collector.test_crash import assert_stored_once
from tests.fixtures.servers.process import wait_until
from tests.real_workers.proxy import AtRandom, Fate, Proxy


def cut_off(collector, cuts, seed):
    """Send over a way that breaks until so many answers were cut off; each event must be stored once."""
    key = collector.key("shop")
    collector.start()
    with Proxy(collector.url, AtRandom(seed, share=0.7)) as way:
        load = Load(collector, key, name=f"{seed}", clients=24, size=2, port=way.port)
        wait_until(lambda: way.delivered >= cuts, 60 + cuts / 20, "so many answers to be cut off")
        load.stop()
    assert collector.stop() == 0
    assert_stored_once(collector, [load])
    fates = Counter(way.fates)
    print(
        f"seed {seed}: {len(load.acknowledged):,} events acknowledged; {fates[Fate.CUT]:,} answers cut off, "
        f"{fates[Fate.LOSE]:,} requests lost"
    )


@pytest.mark.parametrize("seed", [1])
def test_an_event_that_is_sent_until_it_is_answered_is_stored_once(collect, seed):
    cut_off(collect(), 150, seed)
