"""The file that is loaded, and what the tables say when nothing goes wrong."""

import pytest

from tests.faults.runs import history, run


@pytest.fixture(scope="session")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("input") / "events.ndjson"
    path.write_bytes(history(80))
    return path


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """Return a directory into which the file will have been loaded without disturbance; to be copied, not used."""
    return tmp_path_factory.mktemp("undisturbed") / "data"


@pytest.fixture(scope="session")
def undisturbed(loaded, file):
    return run("load", loaded, input=file)
