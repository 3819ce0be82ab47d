"""Fixtures of real servers: `kafka` and `clickhouse`, one of each for a test process, and private ones to kill."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from tests.servers.downloads import Unavailable

if TYPE_CHECKING:
    from tests.servers.clickhouse import ClickHouse, ClickHouseAddress
    from tests.servers.kafka import Kafka, KafkaAddress
    from tests.servers.server import Server

Started = TypeVar("Started", bound="Server")


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python reads its schemas in a way that Python 3.11 and 3.12 call deprecated.
    for name in ("read_text", "open_text"):
        config.addinivalue_line("filterwarnings", f"ignore:{name} is deprecated:DeprecationWarning")
    settings.register_profile(
        "beside others", deadline=None
    )  # an example may wait for the other tests that run
    settings.load_profile("beside others")


@pytest.fixture(scope="session")
def kafka() -> Iterator["KafkaAddress"]:
    """Kafka to share, with topics under a prefix of their own: that of JOURNEY_TEST_KAFKA, or one started here."""
    from tests.servers.kafka import Kafka, KafkaAddress  # noqa: PLC0415 — only where a test needs it

    if servers := os.environ.get("JOURNEY_TEST_KAFKA"):
        yield KafkaAddress(servers)
        return
    with ExitStack() as stack:
        yield _started(stack, Kafka)


@pytest.fixture(scope="session")
def clickhouse() -> Iterator["ClickHouseAddress"]:
    """ClickHouse to share, with databases of `fresh_database`: that of JOURNEY_TEST_CLICKHOUSE, or one started here."""
    from tests.servers.clickhouse import ClickHouse, ClickHouseAddress  # noqa: PLC0415 — as above

    if dsn := os.environ.get("JOURNEY_TEST_CLICKHOUSE"):
        given = ClickHouseAddress(dsn)
        yield given
        given.drop_fresh()
        return
    with ExitStack() as stack:
        yield _started(stack, ClickHouse)


@pytest.fixture
def own_kafka() -> Iterator[Callable[..., "Kafka"]]:
    """Start a Kafka for this test only, to kill or to pause; takes the arguments of the class."""
    from tests.servers.kafka import Kafka  # noqa: PLC0415 — as above

    with ExitStack() as stack:
        yield lambda **options: _started(stack, lambda: Kafka(**options))


@pytest.fixture
def own_clickhouse() -> Iterator[Callable[..., "ClickHouse"]]:
    """Start a ClickHouse for this test only, to kill or to pause; takes the arguments of the class."""
    from tests.servers.clickhouse import ClickHouse  # noqa: PLC0415 — as above

    with ExitStack() as stack:
        yield lambda **options: _started(stack, lambda: ClickHouse(**options))


def _started(stack: ExitStack, make: Callable[[], Started]) -> Started:
    try:
        server = make()
        stack.enter_context(server)
    except Unavailable as error:
        pytest.skip(str(error))
    return server
