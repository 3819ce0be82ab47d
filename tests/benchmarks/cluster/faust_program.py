"""The job in Faust: an agent takes one event a record; what is known is kept in tables, which are logged to Kafka.

`python -m tests.benchmarks.cluster.faust_program worker -l info`, with the environment that `rivals` gives it.
"""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import faust

from tests.benchmarks.cluster import job
from tests.benchmarks.cluster.sink import SECONDS, Sink


class Interaction(faust.Record, validation=True):
    """The data of an event."""

    brand: str
    handles: Mapping[str, Any]
    content: str | None = None
    product: str | None = None
    place: str | None = None
    campaign: str | None = None
    device: str | None = None
    amount: float | None = None
    currency: str | None = None
    rating: float | None = None
    sentiment: float | None = None
    cause: str | None = None
    properties: Mapping[str, Any] | None = None


class Event(faust.Record, serializer="json", validation=True):
    """An event as it comes in."""

    id: str
    source: str
    type: str
    time: datetime
    data: Interaction


app = faust.App(
    os.environ["RIVAL_GROUP"],
    broker=f"kafka://{os.environ['RIVAL_KAFKA']}",
    store=os.environ["RIVAL_STORE"],
    datadir=os.environ["RIVAL_FOLDER"],
    topic_partitions=int(os.environ["RIVAL_PARTITIONS"]),
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
events = app.topic(os.environ["RIVAL_TOPIC"], key_type=bytes, value_type=Event)
seen = app.Table("seen", default=bool)
evidence = app.Table("evidence", default=job.blank)
links = app.Table("links", default=list)
sink = Sink(os.environ["RIVAL_CLICKHOUSE"])


async def write() -> None:
    """Write what was gathered, in a thread, so that the worker goes on meanwhile."""
    await asyncio.to_thread(sink.write, sink.take())


@app.agent(events)
async def take(stream: faust.StreamT[Event]) -> None:
    """Take events one by one."""
    async for event in stream:
        one = job.touch(event.id, event.source, event.type, event.time, event.data.__dict__)
        if one is None or one.key in seen:
            continue
        seen[one.key] = True
        place = f"{one.brand}|{one.handle}"
        state = evidence[place] = job.add(evidence[place], one)
        linked = None
        if len(one.handles) > 1:
            linked = links[str(one.handle)] = sorted({*links[str(one.handle)], *one.handles})
        sink.add(one, state, linked)
        if sink.is_due:
            await write()


@app.timer(SECONDS)
async def flush() -> None:
    """Write what no event has pushed out."""
    if sink.is_due:
        await write()


if __name__ == "__main__":
    app.main()
