"""The notebook runs from top to bottom on a data directory, and says what the cookbook says."""

import importlib.util
import json
from pathlib import Path

import pytest

from streams.analysis import cookbook

NOTEBOOK = Path(__file__).parents[2] / "deploy" / "notebook" / "journeys.py"


@pytest.fixture(scope="module")
def defined(store, loaded):
    loader = importlib.util.spec_from_file_location("journeys", NOTEBOOK)
    notebook = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(notebook)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_SQL", f"chdb://{loaded / 'clickhouse'}")
        _, found = notebook.app.run()
    yield found
    found["client"].close()


def test_every_cell_runs_and_its_answers_are_those_of_the_cookbook(store, defined):
    funnel = cookbook.recipe("funnel_with_skips")
    given = {"brand": "lumiere", "at": f"{defined['at'].value} 00:00:00"}
    lines = b"".join(cookbook.answer(store, funnel, given, "JSONEachRow")).splitlines()
    expected = [int(json.loads(line)["came_so_far"]) for line in lines]
    assert [row["came_so_far"] for row in defined["funnel"]] == expected
    assert sum(row["up"] for row in defined["days"]) > 100
    assert {row["stage"] for row in defined["lapses"]} <= {
        "attention",
        "attraction",
        "affinity",
        "audience",
        "advocacy",
    }
    assert defined["answered"] == defined["funnel"]
    assert len(defined["question"].options) == len(cookbook.recipes())
