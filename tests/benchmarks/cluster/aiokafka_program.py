"""The job on batches of aiokafka's `getmany`: state in memory only, offsets committed after the insert."""

import asyncio
import os
import signal

from aiokafka import AIOKafkaConsumer

from tests.benchmarks.cluster.batches import Batches
from tests.benchmarks.cluster.sink import ROWS, SECONDS, Sink


async def main() -> None:
    """Run until told to stop."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    sink = Sink(os.environ["RIVAL_CLICKHOUSE"])
    batches = Batches(sink, bare=os.environ["RIVAL_BARE"] == "1")
    consumer = AIOKafkaConsumer(
        os.environ["RIVAL_TOPIC"],
        bootstrap_servers=os.environ["RIVAL_KAFKA"],
        group_id=os.environ["RIVAL_GROUP"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=2**22,
    )
    await consumer.start()
    try:
        while not stopping.is_set():
            found = await consumer.getmany(timeout_ms=int(1000 * SECONDS), max_records=ROWS)
            for records in found.values():
                for record in records:
                    batches.take(record.value)
            if found:
                await asyncio.to_thread(sink.flush)
                await consumer.commit()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main())
