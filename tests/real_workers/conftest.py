"""Deployments of their own on shared servers, or on servers that a test may kill."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real_workers.deployment import Deployment

# Kafka's client is imported where it is used: only then are its warnings known to be let pass.


@pytest.fixture
def deploy(kafka, clickhouse, tmp_path) -> Iterator[Callable[..., "Deployment"]]:
    """Make a deployment on the shared servers; takes the arguments of the class."""
    from tests.real_workers.deployment import Deployment  # noqa: PLC0415

    with ExitStack() as stack:

        def made(**options) -> "Deployment":
            folder = tmp_path / f"deployment-{kafka.fresh_prefix()}"
            folder.mkdir()
            deployment = Deployment(
                kafka.servers,
                clickhouse.database_with_tables(),
                folder,
                prefix=kafka.fresh_prefix(),
                **options,
            )
            stack.callback(deployment.close)
            return deployment

        yield made


@pytest.fixture
def deployment(deploy) -> "Deployment":
    """A deployment on the shared servers."""
    return deploy()
