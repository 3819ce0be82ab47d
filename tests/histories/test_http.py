"""Adversarial histories over HTTP, through a restart of `journey up`: every answer is the oracle's, as it is with files."""

from dataclasses import replace
from itertools import islice
from random import Random

from streams.clock import system_clock
from streams.embedded.embedded import Embedded
from streams.settings import SEPARATE, Settings
from tests.collector.conftest import collect
from tests.collector.server import LINES
from tests.histories.answers import answers
from tests.histories.block import KEY, Block

__all__ = ["collect"]

SEEDS = range(300, 340)


def test_every_answer_about_histories_that_came_over_http_is_the_oracles(collect):
    block, random = Block(SEEDS, brands=SEPARATE), Random("http")
    block.histories = [
        # The clock goes on meanwhile, and a body of lines is JSON: what is judged by these is left out.
        replace(one, items=tuple(i for i in one.items if i.reason not in {"time_ahead", "not_json"}))
        for one in block.histories
    ]
    collector = collect(JOURNEY_HANDLE_KEY=KEY.hex())
    key = collector.key("all")
    collector.start()
    lines = iter([item.line for item in block.items()])
    refused = 0
    while some := list(islice(lines, random.choice([1, 5, 50, 300]))):
        answer = collector.send(b"\n".join(some), key, kind=LINES)
        assert answer.status in {202, 422}, answer  # 422 where all are refused
        refused += answer.json["rejected"] if answer.status == 202 else len(some)
        if random.random() < 0.1:
            assert collector.stop() == 0
            collector.start()
    assert collector.stop() == 0
    assert refused == sum(item.event is None for one in block.histories for item in one.items)
    with Embedded(Settings(collector.data, handle_key=KEY)) as engine:
        assert list(block.differences(answers(engine.store, block.instants, system_clock))) == []
