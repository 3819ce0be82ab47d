"""Lines into frames of one partition each: the rule, the books, the sizes, the order."""

import json
from base64 import b64encode
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from streams.edge import Edge
from streams.kafka.parcels import pack_placed, parcels, passes
from streams.log.frame import MAX_FRAME_EVENTS, Frame, decode
from tests.kafka.broker import KEY, line

NOW_US = 1_793_534_400_000_000
LARGEST = 4_194_304  # max.message.bytes of interactions


def mixed(count: int, seed: int) -> list[bytes]:
    """Return lines of which about one in ten is no event."""
    random = Random(seed)
    return [
        b'{"id": %d}' % number
        if random.random() < 0.1
        else line(number, handles={"cookie": f"c{random.randrange(50)}"})
        for number in range(count)
    ]


def places_of(lines: list[bytes], seed: int) -> np.ndarray:
    """Return a partition of 0 to 6 for each, and offsets that grow with gaps."""
    random, last = Random(seed), [0] * 7
    places = []
    for _ in lines:
        partition = random.randrange(7)
        last[partition] += random.choice((1, 1, 1, 5, 1000))
        places.append((partition, last[partition]))
    return np.array(places)


def decoded(frame: Frame, partitions: int) -> list[tuple[int, Frame]]:
    return [(parcel.partition, decode(parcel.data)) for parcel in parcels(frame, partitions)]


def sorted_rows(batches: list[pa.RecordBatch]) -> list[str]:
    rows = pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches]).to_pylist()
    return sorted(map(repr, rows))


@pytest.mark.parametrize("partitions", [1, 2, 7, 64])
def test_frames_of_partitions_hold_exactly_what_was_packed(partitions):
    lines = mixed(3_000, seed=partitions)
    whole = Edge(KEY).pack(lines, topic="t", now_us=NOW_US)
    frames = decoded(whole, partitions)
    assert sum(frame.received for _, frame in frames) == len(lines)
    assert sorted_rows([frame.events for _, frame in frames]) == sorted_rows([whole.events])
    assert sorted_rows([frame.letters for _, frame in frames]) == sorted_rows([whole.letters])
    for partition, frame in frames:
        assert set(np.array(frame.events.column("handle")) % partitions) <= {partition}
        assert (frame.topic, frame.packed_us) == ("t", NOW_US)


def test_the_order_of_events_within_a_partition_is_kept():
    lines = [line(number) for number in range(2_000)]
    for _, frame in decoded(Edge(KEY).pack(lines, topic="t", now_us=NOW_US), 8):
        numbers = [int(name.removeprefix("e-")) for name in frame.events.column("id").to_pylist()]
        assert numbers == sorted(numbers)


def test_rows_of_a_parcel_say_which_events_it_has():
    whole = Edge(KEY).pack([line(number) for number in range(500)], topic="t", now_us=NOW_US)
    names = whole.events.column("id").to_pylist()
    for parcel in parcels(whole, 5):
        assert decode(parcel.data).events.column("id").to_pylist() == [names[row] for row in parcel.rows]


def test_each_dead_letter_carries_the_place_of_its_own_record():
    lines = mixed(1_000, seed=3)
    places = places_of(lines, seed=4)
    whole = pack_placed(lines, places, Edge(KEY), topic="events.in", now_us=NOW_US)
    wanted = {
        (int(partition), int(offset)): json.loads(text)["id"]
        for text, (partition, offset) in zip(lines, places, strict=True)
        if b"data" not in text
    }
    found = {}
    for partition, frame in decoded(whole, 3):
        for letter in frame.letters.to_pylist():
            assert letter["topic_partition"] % 3 == partition
            found[letter["topic_partition"], letter["topic_offset"]] = json.loads(letter["bytes"])["id"]
    assert found == wanted


def test_lines_of_a_file_are_counted_from_one_across_passes():
    lines = [line(number) for number in range(12_000)] + [b"no event"]
    packed = list(passes(lines, Edge(KEY), topic="file", clock=lambda: NOW_US, partitions=2))
    assert [frame.received for frame in packed] == [10_000, 2_001]
    assert packed[-1].letters.column("topic_offset").to_pylist() == [12_001]


def test_a_pass_is_cut_by_size_too():
    lines = [line(number, properties={"text": "x" * 8_000}) for number in range(2_500)]
    packed = list(passes(lines, Edge(KEY), topic="file", clock=lambda: NOW_US, partitions=64))
    assert len(packed) == 3
    assert sum(frame.received for frame in packed) == 2_500


def incompressible(size: int, random: Random) -> str:
    return b64encode(random.randbytes(size * 3 // 4)).decode()


@pytest.mark.parametrize("partitions", [1, 3])
def test_no_frame_is_larger_than_the_topic_takes(partitions):
    random = Random(5)
    large = [line(number, properties={"text": incompressible(8_000, random)}) for number in range(600)]
    small = [line(number, handles={"cookie": "the-same"}) for number in range(12_000)]
    garbage = [random.randbytes(32_000) for _ in range(200)]
    lines = large + small + garbage
    random.shuffle(lines)
    cut = list(parcels(Edge(KEY).pack(lines, topic="t", now_us=NOW_US), partitions))
    assert max(len(parcel.data) for parcel in cut) < LARGEST
    assert max(parcel.events + parcel.letters for parcel in cut) <= MAX_FRAME_EVENTS
    assert sum(parcel.events for parcel in cut) == len(large) + len(small)
    assert sum(parcel.letters for parcel in cut) == len(garbage)


def test_nothing_packed_is_no_frame():
    assert list(parcels(Edge(KEY).pack([], topic="t", now_us=NOW_US), 4)) == []
