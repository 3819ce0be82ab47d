"""Damaged bodies: nothing but Malformed comes out of an adapter, and every event is taken or refused with a reason."""

from tests.collector.adapters.fuzz import press


def test_damaged_bodies_are_taken_apart_as_far_as_they_go():
    found = press(2_000, seed=1)
    assert found[""] > 200, "most of what is not damaged is still taken"
    assert found["malformed"] > 50
    assert len(found) > 6, "there are many reasons"
