"""The job in Quix Streams: a stateful function on a streaming data frame, and a batching sink for ClickHouse.

It commits, and so writes, every 5 s, which is its default.
"""

import os
from typing import Any

from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch

from schemas.event import event_v1
from tests.benchmarks.cluster import job
from tests.benchmarks.cluster.sink import Sink


class ClickHouseSink(BatchingSink):
    """Writes what was gathered since the last commit; a batch is of one partition."""

    def setup(self) -> None:
        """Connect."""
        self._sink = Sink(os.environ["RIVAL_CLICKHOUSE"])

    def write(self, batch: SinkBatch) -> None:
        """Gather, so that one insert has what all partitions bring."""
        for item in batch:
            self._sink.add(*item.value)

    def flush(self) -> None:
        """Write once for all partitions, when the application commits."""
        super().flush()
        self._sink.flush()


def take(value: dict[str, Any], state: State) -> Any:
    """Take one event; None when it is none, or a repeat."""
    try:
        event = event_v1.validate_python(value)
    except ValueError:
        return None
    one = job.touch(event["id"], event["source"], event["type"], event["time"], event["data"])
    if one is None or state.exists(one.key):
        return None
    state.set(one.key, value=True)
    known = state.get(one.brand) or job.blank()
    state.set(one.brand, job.add(known, one))
    linked = None
    if len(one.handles) > 1:
        linked = sorted({*(state.get("links") or ()), *one.handles})
        state.set("links", linked)
    return one, known, linked


def main() -> None:
    """Run until told to stop."""
    app = Application(
        broker_address=os.environ["RIVAL_KAFKA"],
        consumer_group=os.environ["RIVAL_GROUP"],
        auto_offset_reset="earliest",
        state_dir=os.environ["RIVAL_FOLDER"],
    )
    events = app.topic(os.environ["RIVAL_TOPIC"], value_deserializer="json")
    frame = app.dataframe(events)
    frame = frame.apply(take, stateful=True)
    frame = frame.filter(lambda taken: taken is not None)
    frame.sink(ClickHouseSink())
    app.run()


if __name__ == "__main__":
    main()
