"""Collectors: one with an engine for each test that asks, and one with a log alone to share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.collector.server import Collector


@pytest.fixture
def collect(tmp_path) -> Iterator[Callable[..., Collector]]:
    """Make a collector, not started yet; takes the arguments of the class."""
    with ExitStack() as stack:

        def made(command: str = "up", **more: str) -> Collector:
            collector = Collector(tmp_path, command, **more)
            stack.callback(collector.kill)
            return collector

        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Iterator[Collector]:
    """A collector with a log alone, for the tests of a module."""
    collector = Collector(tmp_path_factory.mktemp("collector"), "collector")
    try:
        yield collector.start()
    finally:
        collector.kill()


@pytest.fixture(scope="module")
def key(shared) -> str:
    """A write key of the shared collector that may say everything."""
    made = shared.key("all")
    _wait_for(shared, made)
    return made


def _wait_for(collector: Collector, key: str) -> None:
    from tests.fixtures.servers.process import wait_until  # noqa: PLC0415

    def known() -> bool:
        return collector.send([], key, kind="application/cloudevents-batch+json").status == 202

    wait_until(known, 10, "the key to be known", every_s=0.05)
