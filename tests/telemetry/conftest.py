"""Deployments of their own on shared servers, or on a ClickHouse that the test may pause."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real_workers.deployment import Deployment

# Kafka's client is imported where it is used: only then are its warnings known to be let pass.


@pytest.fixture
def deploy(kafka, tmp_path) -> Iterator[Callable[..., "Deployment"]]:
    """Make a deployment on a ClickHouse."""
    from tests.real_workers.deployment import Deployment  # noqa: PLC0415

    with ExitStack() as stack:

        def made(clickhouse) -> "Deployment":
            deployment = Deployment(
                kafka.servers,
                clickhouse.database_with_tables(),
                tmp_path,
                prefix=kafka.fresh_prefix(),
                partitions=2,
            )
            stack.callback(deployment.close)
            return deployment

        yield made
