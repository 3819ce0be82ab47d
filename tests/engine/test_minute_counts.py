"""The rows of minute_counts are what counting one event after the other gives."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.intake import minute_counts
from streams.log.batch import Batch, Record
from tests.edge.lines import NOW, line, pack

TYPES = ("web.page_view", "web.click", "store.purchase", "identity.link")
EVENT = st.tuples(
    st.sampled_from(["lumiere", "nova", "é"]),
    st.sampled_from(TYPES),
    st.integers(-70, 70).map(lambda seconds: NOW - timedelta(seconds=seconds))
    | st.sampled_from(
        [datetime(1900, 1, 1, 0, 0, 59, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 1, tzinfo=UTC)]
    ),
)
RECORDS = st.lists(
    st.tuples(st.sampled_from([0, 1, 65_535]), st.lists(EVENT, max_size=6)), min_size=1, max_size=4
)


@settings(max_examples=50)
@given(RECORDS)
def test_counts_are_of_each_brand_minute_type_and_partition(records):
    frames = [
        (
            partition,
            pack(
                *(
                    line(
                        id=f"{at}-{place}",
                        type=kind,
                        time=when.isoformat(),
                        data={"brand": brand, "handles": {"user": "ann", "phone": "+33612345678"}},
                    )
                    for place, (brand, kind, when) in enumerate(events)
                )
            ),
        )
        for at, (partition, events) in enumerate(records)
    ]
    taken = [Record(partition, offset, frame) for offset, (partition, frame) in enumerate(frames, 1)]
    assert not any(len(record.frame.letters) for record in taken)
    rows = minute_counts(Batch.of(taken)).to_pylist()
    counted = Counter()
    for partition, events in records:
        for brand, kind, when in events:
            if kind != "identity.link":
                counted[brand, when.replace(second=0, microsecond=0), kind, partition] += 1
    found = {(row["brand"], row["minute"], row["type"], row["_partition"]): row["touches"] for row in rows}
    assert found == counted
    assert len(found) == len(rows)
    # Links have no minute: a partition's last offset is that of its last touch.
    ends = {}
    for record, (partition, events) in zip(taken, records, strict=True):
        if any(kind != "identity.link" for _, kind, _ in events):
            ends[partition] = record.offset
    assert {row["_partition"]: row["_offset"] for row in rows} == ends
