"""Topics of its own for each test, on a broker that tests share or on one that the test may kill."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from streams.settings import Settings
    from tests.fixtures.servers.kafka import Kafka
    from tests.kafka.broker import Records

# Kafka's client is imported where it is used: only then are its warnings known to be let pass.


@pytest.fixture
def bare(kafka) -> "Settings":
    """Settings with a prefix that no other test has; nothing is made yet."""
    from tests.kafka.broker import settings_for  # noqa: PLC0415

    return settings_for(kafka.servers, kafka.fresh_prefix())


@pytest.fixture
def settings(bare) -> "Settings":
    """The same, with topics."""
    return _with_topics(bare)


@pytest.fixture
def broker(own_kafka) -> "Kafka":
    """A broker that the test may kill."""
    return own_kafka()


@pytest.fixture
def own(broker) -> "Settings":
    """Settings of that broker, with topics."""
    from tests.kafka.broker import settings_for  # noqa: PLC0415

    return _with_topics(settings_for(broker.servers))


def _with_topics(settings: "Settings") -> "Settings":
    from streams.kafka import topics  # noqa: PLC0415
    from tests.kafka.broker import PARTITIONS  # noqa: PLC0415

    topics.create(settings.kafka, PARTITIONS)
    return settings


@pytest.fixture
def records() -> Iterator[Callable[["Settings"], "Records"]]:
    """Reads topics, and writes to them as any Kafka client would."""
    from tests.kafka.broker import Records  # noqa: PLC0415

    opened: list[Records] = []

    def open_for(settings: "Settings") -> "Records":
        opened.append(Records(settings.kafka))
        return opened[-1]

    yield open_for
    for found in opened:
        found.close()
