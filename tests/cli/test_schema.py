"""journey schema export: what other programs validate with."""

from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["event.v1.schema.json", "apath.v2.schema.json"])
def test_export_writes_the_schemas_that_are_committed(journey, tmp_path, name):
    assert name in journey("schema", "export", str(tmp_path / "out"))
    assert (tmp_path / "out" / name).read_text() == Path("schemas", name).read_text()
