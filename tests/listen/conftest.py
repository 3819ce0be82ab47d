"""A collector with its engine, and listeners that send to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.collector.server import Collector
from tests.listen.boxes import Box
from tests.listen.listener import Listener


@pytest.fixture
def box(tmp_path) -> Iterator[Box]:
    """An outbox for what Bluesky says."""
    made = Box(tmp_path, "bluesky")
    yield made
    made.state.close()


@pytest.fixture
def collector(tmp_path) -> Iterator[Collector]:
    """`journey up`, not started yet."""
    made = Collector(tmp_path)
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def listen(tmp_path, collector) -> Iterator[Callable[..., Listener]]:
    """Make a listener with a write key of its own, not started yet; takes its command and options, and the environment."""
    with ExitStack() as stack:

        def made(*words: str, **more: str) -> Listener:
            key = collector.key(
                "listener", "--brand", "lumiere", "--channel", "social", "--channel", "support"
            )
            listener = Listener(tmp_path, collector, key, *words, **more)
            stack.callback(listener.kill)
            return listener

        yield made
