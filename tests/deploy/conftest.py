"""The deployed ClickHouse, one for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.deploy.clickhouse import Deployed
from tests.fixtures.servers.downloads import Unavailable


@pytest.fixture(scope="module")
def server() -> Iterator[Deployed]:
    """A server with the configuration of deploy/clickhouse, and no tables."""
    try:
        made = Deployed()
    except Unavailable as error:
        pytest.skip(str(error))
    with made:
        yield made
