"""Two sets of tables, equal but for what rounding does to sums of evidence."""

import pytest

from tests.faults.child import TABLES

SUMS = ("s1", "s2", "s3", "s4", "s5")


def assert_same(found, expected, *, but: str = "") -> None:
    """Compare all tables, leaving out the one named by `but`."""
    assert found is not None, "killed although no point was armed"
    for table in TABLES.keys() - {but}:
        assert len(found[table]) == len(expected[table]), table
        for row, other in zip(found[table], expected[table], strict=True):
            assert rounded(row) == rounded(other), table
    assert_sound(found)


def assert_sound(found) -> None:
    assert found["broken_chains"] == []
    assert found["drift"] == [], found["drift"]


def rounded(row: dict) -> dict:
    return {
        name: pytest.approx(value, rel=1e-9, abs=1e-12) if name in SUMS and value is not None else value
        for name, value in row.items()
    }
