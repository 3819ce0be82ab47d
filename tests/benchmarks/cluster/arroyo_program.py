"""The job in sentry-arroyo: batches of messages, one task a batch, offsets committed after it; state in memory only."""

import os
import signal
from collections.abc import Mapping

from arroyo import Topic
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload
from arroyo.backends.kafka.configuration import build_kafka_consumer_configuration
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import CommitOffsets, ProcessingStrategy, ProcessingStrategyFactory, RunTask
from arroyo.processing.strategies.batching import BatchStep, ValuesBatch
from arroyo.types import Commit, Message, Partition

from tests.benchmarks.cluster.batches import Batches
from tests.benchmarks.cluster.sink import ROWS, SECONDS, Sink


class Factory(ProcessingStrategyFactory[KafkaPayload]):
    """Batches, then the job, then the commit."""

    def __init__(self) -> None:
        self._sink = Sink(os.environ["RIVAL_CLICKHOUSE"])
        self._batches = Batches(self._sink, bare=os.environ["RIVAL_BARE"] == "1")

    def _take(self, message: Message[ValuesBatch[KafkaPayload]]) -> None:
        for one in message.payload:
            self._batches.take(one.payload.value)
        self._sink.flush()

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        """Return the steps."""
        del partitions
        return BatchStep(ROWS, SECONDS, RunTask(self._take, CommitOffsets(commit)))


def main() -> None:
    """Run until told to stop."""
    consumer = KafkaConsumer(
        build_kafka_consumer_configuration(
            {},
            bootstrap_servers=[os.environ["RIVAL_KAFKA"]],
            auto_offset_reset="earliest",
            group_id=os.environ["RIVAL_GROUP"],
        )
    )
    processor = StreamProcessor(
        consumer=consumer, topic=Topic(os.environ["RIVAL_TOPIC"]), processor_factory=Factory()
    )
    signal.signal(signal.SIGTERM, lambda *_: processor.signal_shutdown())
    processor.run()


if __name__ == "__main__":
    main()
