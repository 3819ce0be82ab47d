"""A world on a server for each test that watches it."""

from collections.abc import Iterator

import pytest

from tests.alerts.world import World


@pytest.fixture
def world(clickhouse) -> Iterator[World]:
    world = World(clickhouse.database_with_tables())
    yield world
    world.store.close()
