"""Fixtures of real servers: `kafka` and `clickhouse`, one of each for a run of tests, and private ones to kill."""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

from tests.cost import Cost
from tests.fixtures.servers.downloads import Unavailable

if TYPE_CHECKING:
    from tests.fixtures.servers.clickhouse import ClickHouse, ClickHouseAddress
    from tests.fixtures.servers.kafka import Kafka, KafkaAddress
    from tests.fixtures.servers.server import Server

# jsonschema builds 38 parsers of addresses when it is imported, three seconds of CPU in every process of tests; no schema
# of ours has such a format.
sys.modules["rfc3987_syntax"] = None

Started = TypeVar("Started", bound="Server")
_NOTED: list["ClickHouseAddress"] = []  # the shared ClickHouse, while there is one


def pytest_configure(config: pytest.Config) -> None:
    # kafka-python reads its schemas in a way that Python 3.11 and 3.12 call deprecated.
    for name in ("read_text", "open_text"):
        config.addinivalue_line("filterwarnings", f"ignore:{name} is deprecated:DeprecationWarning")
    settings.register_profile(
        "beside others", deadline=None
    )  # an example may wait for the other tests that run
    settings.load_profile("beside others")
    config.pluginmanager.register(_Drops())
    if file := os.environ.get("JOURNEY_TEST_COST"):
        config.pluginmanager.register(Cost(Path(file)))


class _Drops:
    """Drops the databases on the shared server that nobody uses any more. A plugin: hooks of this file miss session fixtures."""

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef) -> Iterator[None]:
        """Drop those that a fixture has made, once it is torn down."""
        if not _NOTED:
            return (yield)
        (address,) = _NOTED
        with address.noted() as databases:
            fixturedef.addfinalizer(lambda: address.drop(databases))
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Drop those that a test itself has made, once its fixtures are torn down."""
        if not _NOTED:
            return (yield)
        (address,) = _NOTED
        with address.noted() as databases:
            result = yield
        if _NOTED:  # the server is still there
            address.drop(databases)
        return result


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator["KafkaAddress"]:
    """Kafka to share, with topics under a prefix of their own: that of JOURNEY_TEST_KAFKA, or one of this run."""
    from tests.fixtures.servers.kafka import Kafka, KafkaAddress  # noqa: PLC0415 — only where a test needs it

    if servers := os.environ.get("JOURNEY_TEST_KAFKA"):
        yield KafkaAddress(servers)
        return
    with _shared(tmp_path_factory, Kafka, lambda server: server.servers) as servers:
        yield KafkaAddress(servers)


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator["ClickHouseAddress"]:
    """ClickHouse to share, with databases of `fresh_database`: that of JOURNEY_TEST_CLICKHOUSE, or one of this run."""
    from tests.fixtures.servers.clickhouse import ClickHouse, ClickHouseAddress  # noqa: PLC0415 — as above

    if dsn := os.environ.get("JOURNEY_TEST_CLICKHOUSE"):
        given = ClickHouseAddress(dsn)
        with _noting(given):
            yield given
        given.drop_fresh()
        return
    with (
        _shared(tmp_path_factory, ClickHouse, lambda server: server.dsn) as dsn,
        _noting(found := ClickHouseAddress(dsn)),
    ):
        yield found


@pytest.fixture
def own_kafka() -> Iterator[Callable[..., "Kafka"]]:
    """Start a Kafka for this test only, to kill or to pause; takes the arguments of the class."""
    from tests.fixtures.servers.kafka import Kafka  # noqa: PLC0415 — as above

    with ExitStack() as stack:
        yield lambda **options: _started(stack, lambda: Kafka(**options))


@pytest.fixture
def own_clickhouse() -> Iterator[Callable[..., "ClickHouse"]]:
    """Start a ClickHouse for this test only, to kill or to pause; takes the arguments of the class."""
    from tests.fixtures.servers.clickhouse import ClickHouse  # noqa: PLC0415 — as above

    with ExitStack() as stack:
        yield lambda **options: _started(stack, lambda: ClickHouse(**options))


@contextmanager
def _noting(address: "ClickHouseAddress") -> Iterator[None]:
    _NOTED.append(address)
    try:
        yield
    finally:
        _NOTED.clear()


@contextmanager
def _shared(
    folders: pytest.TempPathFactory, make: Callable[[], Started], address_of: Callable[[Started], str]
) -> Iterator[str]:
    """Start a server unless another process of this run of tests has, in which case that one is used.

    It ends when nobody uses it any more; whoever uses it holds a lock that the system takes back, however they end.
    """
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = folders.getbasetemp() if alone else folders.getbasetemp().parent
    file = folder / f"{make.__name__}.address"
    with (
        file.with_suffix(".lock").open("w", encoding="utf-8") as lock,
        file.with_suffix(".users").open("w", encoding="utf-8") as users,
        ExitStack() as stack,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if file.exists():
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield file.read_text(encoding="utf-8")
            return
        file.write_text(address_of(_started(stack, make)), encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_UN)
        yield file.read_text(encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.unlink()
        fcntl.flock(lock, fcntl.LOCK_UN)
        fcntl.flock(users, fcntl.LOCK_EX)


def _started(stack: ExitStack, make: Callable[[], Started]) -> Started:
    try:
        server = make()
        stack.enter_context(server)
    except Unavailable as error:
        pytest.skip(str(error))
    return server
