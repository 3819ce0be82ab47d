"""The file that is loaded, and what the tables say when nothing goes wrong."""

import pytest

from tests.faults.child import load_rest, tables
from tests.faults.lost import FRAMES, opened, plain
from tests.faults.runs import FILE_FRAMES, history, run


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("input") / "events.ndjson"
    path.write_bytes(history(FILE_FRAMES))
    return path


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """Return a directory into which the file will have been loaded without disturbance; to be copied, not used."""
    return tmp_path_factory.mktemp("undisturbed") / "data"


@pytest.fixture(scope="session")
def undisturbed(loaded, file):
    return run("load", loaded, input=file)


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A directory whose tables have several parts each, to be copied, and what they say."""
    data = tmp_path_factory.mktemp("whole") / "data"
    lines = history(FRAMES).splitlines()
    for share in (1, 2, 3):
        with opened(data) as embedded:
            load_rest(embedded, lines[: len(lines) * share // 3])
    with opened(data) as embedded:
        return data, plain(tables(embedded))
