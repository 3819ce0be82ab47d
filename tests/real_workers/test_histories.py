"""Law 5 on adversarial histories: every answer of a server is the oracle's, while workers come and go."""

import time
from contextlib import closing
from random import Random

from streams.clock import system_clock
from streams.settings import SEPARATE
from tests.histories.answers import answers
from tests.histories.block import Block
from tests.real_workers.counted import counted

SEEDS = range(50)
_WITHIN_S = 20.0


def come_and_go(there, seeds: range) -> None:
    """Publish a block's lines in frames of any size while a worker is killed, one is stopped and others start; compare."""
    block = Block(seeds, brands=SEPARATE)
    random, lines = Random(f"workers {seeds}"), [item.line for item in block.items()]
    workers = [there.worker(), there.worker()]
    sent = 0
    for part in range(4):
        until = len(lines) if part == 3 else len(lines) * (part + 1) // 4
        while sent < until:
            size = min(random.choice([1, 20, 200, 1000]), until - sent)
            there.publish(lines[sent : sent + size], after=sent, now_us=block.now_us)
            sent += size
        if part == 0:
            workers[0].kill()
            workers[0].restart()
        elif part == 1:
            workers[1].stop()
            there.worker()
    there.settle()
    with closing(there.store()) as store:
        assert_answered(store, block)
    assert there.drift() == []
    print(counted(seeds.start, there, {"worker killed": 1, "worker ended": 1, "worker joined": 1}))


def assert_answered(store, block: Block) -> None:
    """Compare every answer; a worker that was restored just now may have a row to add."""
    until = time.monotonic() + _WITHIN_S
    while different := list(block.differences(answers(store, block.instants, system_clock))):
        assert time.monotonic() < until, different
        time.sleep(0.5)


def test_every_answer_of_workers_who_come_and_go_about_adversarial_histories_is_the_oracles(deploy):
    come_and_go(deploy(partitions=4, JOURNEY_BATCH_SECONDS="0.01"), SEEDS)
