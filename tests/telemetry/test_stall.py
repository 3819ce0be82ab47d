"""Standing still, by a clock that the test sets."""

from streams.telemetry.stall import PATIENCE, Position, StallDetector, Standstill

STALL_S = 10
A, B = ("interactions", 0), ("interactions", 1)


def watch(*looks) -> StallDetector:
    """Return a watch after looks: instant, readings, and whether the lane was excused."""
    found = StallDetector(STALL_S)
    for now_s, readings, *excused in looks:
        found.look(
            {place: Position(*reading) for place, reading in readings.items()}, now_s, excused=any(excused)
        )
    return found


def test_a_number_that_does_not_change_stands_still_from_the_first_look_on():
    still = Standstill()
    assert still.seconds(99) == 0
    for now_s in (100, 105, 111):
        still.look(7, now_s, excused=False)
    assert still.seconds(111) == 11
    still.look(8, 112, excused=False)
    assert still.seconds(113) == 1
    still.look(8, 114, excused=True)
    assert still.seconds(120) == 0
    still.look(8, 121, excused=False)
    assert still.seconds(123) == 9  # from when it was excused last


def test_a_lane_that_is_behind_and_acknowledges_nothing_has_stalled():
    found = watch((0, {A: (5, 8)}), (9, {A: (5, 9)}))
    assert found.stalled(9.9) == {}
    assert list(found.stalled(10)) == [A]
    assert (
        found.stalled(10)[A] == "interactions[0] is behind by 4, and nothing of it was acknowledged for 10 s"
    )


def test_one_acknowledged_record_is_progress_however_the_lag_grows():
    assert watch((0, {A: (5, 8)}), (9, {A: (6, 900)}), (18, {A: (7, 9_000)})).stalled(18.5) == {}


def test_what_comes_after_a_long_rest_has_its_time():
    found = watch((0, {A: (5, 5)}), (500, {A: (5, 5)}), (501, {A: (5, 6)}))
    assert found.seconds(501) == 1
    assert found.stalled(509) == {}
    assert list(found.stalled(511)) == [A]


def test_time_in_which_a_lane_waits_does_not_count():
    looks = [(now_s, {A: (5, 8)}, True) for now_s in range(0, 100, 5)]
    assert watch(*looks).stalled(99) == {}
    after = watch(*looks, (99, {A: (5, 8)}))
    assert after.stalled(104) == {}
    assert list(after.stalled(106)) == [A]


def test_a_partition_may_have_to_wait_longer_while_the_lane_goes_on_with_others():
    looks = [(now_s, {A: (5, 8), B: (now_s, now_s + 50)}) for now_s in range(0, 100, 5)]
    busy = watch(*looks)
    assert busy.stalled(STALL_S * PATIENCE - 1) == {}
    assert list(watch(*looks).stalled(95)) == [A]
    assert watch(*looks[:9]).stalled(45) == {}


def test_a_lane_that_caught_up_elsewhere_gives_a_silent_partition_no_longer():
    looks = [(now_s, {A: (5, 8), B: (7, 7)}) for now_s in range(0, 15, 5)]
    assert list(watch(*looks).stalled(11)) == [A]


def test_partitions_that_went_to_another_worker_are_forgotten():
    found = watch((0, {A: (5, 8), B: (1, 2)}), (5, {B: (1, 2)}))
    assert list(found.stalled(15)) == [B]
    assert watch((0, {A: (5, 8)}), (5, {})).stalled(60) == {}


def test_records_that_retention_took_are_not_behind():
    assert Position(done=90, end=90).lag == 0
    assert Position(done=90, end=10).lag == 0
