"""One loaded data directory for all tests of what analysts are given."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.store.clickhouse import ClickHouse
from tests.analysts import bundle


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the bundled evening and month; nobody has it open."""
    return bundle.load(tmp_path_factory.mktemp("analysts"))


@pytest.fixture(scope="module")
def store(loaded: Path) -> Iterator[ClickHouse]:
    """The engine in this process on it; a process has one at a time."""
    with closing(ClickHouse(f"chdb://{loaded / 'clickhouse'}")) as opened:
        yield opened
