"""`journey up` as a process, and the three ports that it opens."""

from collections.abc import Iterator

import pytest

from tests.ports.world import Ports


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[Ports]:
    """One process for the tests of a module; it must live to their end without an error in its log."""
    ports = Ports(tmp_path_factory.mktemp("ports"))
    yield ports
    ports.end()


@pytest.fixture(params=["events", "sql", "metrics"])
def port(request, up) -> int:
    """Each port in turn."""
    return up.ports[request.param]
