"""Defines the Faust app (`faust -A streams.app worker`, or `journey worker`), whose agents feed the partition tasks.

Streams are read with `noack`: a record is acknowledged when every table has its batch and everything that follows
from it was sent. Topics exist beforehand; there are no Faust tables: ClickHouse is the state.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Collection, Sequence
from tempfile import TemporaryDirectory
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.types import TP

from journey.model import Model
from schemas.topics import EVIDENCE, IDENTITY_MAP, INTERACTIONS, LINKS
from streams.apath import in_force as models
from streams.clock import system_clock
from streams.faults import arm_by, kill_point
from streams.fencing.fence import asking
from streams.fencing.store import ServerStore
from streams.handles.key import in_force, register
from streams.kafka.deleted_records import LostRecords
from streams.kafka.errors import BrokerError, TopicError
from streams.kafka.partition_counts import shared_count
from streams.kafka.topics import log_ends
from streams.log.lag import LogSpan
from streams.log.messages import Message, Outgoing
from streams.log.packed import headers_of, packed_us_of
from streams.retention import idle
from streams.settings import KafkaSettings, Settings, SettingsError
from streams.store.open_server import open_server
from streams.store.port import StoreError
from streams.telemetry import logs
from streams.workers.faust_transport import App, FaustProcess
from streams.workers.identity import IdentityWorker
from streams.workers.intake import IntakeWorker
from streams.workers.journey import JourneyWorker
from streams.workers.partition_task import TOPICS, PartitionTask, Processor, Received, SendError
from streams.workers.telemetry.measured_store import MeasuredStore
from streams.workers.telemetry.meter import Meter
from streams.workers.telemetry.worker import WorkerTelemetry

__all__ = ["app"]

_LARGEST_RECORD = 4_194_304
_METADATA_MS = 20_000  # until partitions are seen that a topic was given meanwhile

settings = Settings.read()
if not settings.kafka.servers:
    raise SettingsError("JOURNEY_KAFKA: workers need Kafka's bootstrap servers, host:port")
if not settings.store:
    raise SettingsError(
        "JOURNEY_STORE: workers need a ClickHouse server, clickhouse://user@host:8123/journey"
    )


def _credentials(kafka: KafkaSettings) -> Any:
    """Return Faust's credentials, None without any."""
    if kafka.protocol == "PLAINTEXT":
        return None
    context = None
    if kafka.protocol in {"SSL", "SASL_SSL"}:
        context = ssl.create_default_context(cafile=kafka.ca or None)
        if kafka.certificate:
            context.load_cert_chain(kafka.certificate, kafka.key or None)
    if kafka.protocol == "SSL":
        return faust.SSLCredentials(context=context)
    return faust.SASLCredentials(
        username=kafka.user, password=kafka.password, mechanism=kafka.mechanism, ssl_context=context
    )


_name = settings.kafka.prefix.__add__
_scratch = TemporaryDirectory(prefix="journey-worker-")  # Faust makes a folder for tables; there are none
app = App(
    _name("journey-workers"),
    broker=[f"kafka://{server}" for server in settings.kafka.servers],
    broker_credentials=_credentials(settings.kafka),
    broker_session_timeout=settings.worker.session_s,
    broker_heartbeat_interval=settings.worker.session_s / 5,
    broker_request_timeout=30.0,
    broker_commit_interval=1.0,
    broker_max_poll_records=500,
    consumer_max_fetch_size=_LARGEST_RECORD,
    consumer_auto_offset_reset="earliest",
    consumer_metadata_max_age_ms=_METADATA_MS,
    producer_acks=-1,
    producer_metadata_max_age_ms=_METADATA_MS,
    producer_max_request_size=_LARGEST_RECORD,
    store="memory://",
    datadir=_scratch.name,
    table_standby_replicas=1,  # makes Faust assign the same partition of all topics to the same worker
    topic_allow_declare=False,
    topic_disable_leader=True,
    reply_create_topic=False,
    stream_wait_empty=False,
    stream_buffer_maxsize=256,
    web_enabled=False,
    worker_redirect_stdouts=False,
    logging_config=logs.config(settings),
    Worker=FaustProcess,
)
app.lost = LostRecords(settings.kafka.prefix)
_telemetry = WorkerTelemetry(settings, lost=app.lost)


def _topic(name: str) -> Any:
    return app.topic(_name(name), key_serializer="raw", value_serializer="raw", value_type=bytes, acks=True)


_interactions, _map, _links, _evidence = (
    _topic(name) for name in (INTERACTIONS, IDENTITY_MAP, LINKS, EVIDENCE)
)


def _partitions() -> int:
    """Return how many partitions every topic between workers has. Raises StoreError where they differ."""
    try:
        return shared_count(settings.kafka)
    except TopicError as error:
        raise StoreError(str(error), reason=TOPICS) from error
    except BrokerError as error:
        raise StoreError(str(error)) from error


def _store(meter: Meter) -> ServerStore:
    """Return a connection of its own, for one task's thread."""
    store = open_server(settings)
    if idle.is_pending(store):
        store.close()
        raise StoreError(
            "a command was killed while it let go of idle handles: stop the workers, give journey retention run again, then start them"
        )
    return MeasuredStore(store, _partitions(), meter)


def _model(store: ServerStore) -> Model:
    found = models.in_force(store.store.client)
    if found is None:
        raise StoreError("the store has no A-Path model: run journey migrate")
    return found.parsed()


def _log_ends(partitions: Collection[int]) -> dict[int, LogSpan]:
    try:
        return log_ends(settings.kafka, INTERACTIONS, partitions)
    except BrokerError as error:
        raise StoreError(str(error)) from error


def _make_intake(store: ServerStore) -> IntakeWorker:
    window_us = int(settings.id_window.total_seconds() * 1_000_000)
    return IntakeWorker(
        store,
        _model(store),
        partitions=store.partitions,
        window_us=window_us,
        log=_log_ends,
        handle_key=_handle_key(store),
    )


def _handle_key(store: ServerStore) -> str:
    """Return the fingerprint of the active key; where there is none, activate ours, if any."""
    name = in_force(store.store)
    if name or settings.handle_key is None:
        return name
    return register(store.store, settings.handle_key, system_clock(), settings.brands).fingerprint


def _make_identity(store: ServerStore) -> IdentityWorker:
    return IdentityWorker(store, _model(store), partitions=store.partitions)


def _make_journey(store: ServerStore) -> JourneyWorker:
    return JourneyWorker(store, _model(store), partitions=store.partitions)


def _made(make: Callable[[ServerStore], Processor], meter: Meter) -> Processor:
    """Open a connection and make a processor on it. Raises StoreError where the store does not answer."""
    with asking("cannot begin"):
        store = _store(meter)
        try:
            return make(store)
        except BaseException:
            store.store.close()
            raise


async def _look_up(producer: Any, outgoing: Sequence[Outgoing]) -> None:
    """Have the producer ask for partitions that it does not know yet, since topics were grown: it would fail an assertion."""
    client = producer._ensure_producer().client  # noqa: SLF001 - Faust has no other way to it
    wanted = {(_name(out.topic), out.partition) for out in outgoing}

    def unknown() -> list[str]:
        known = {name: client.cluster.partitions_for_topic(name) for name, _ in wanted}
        return [f"{name} {number}" for name, number in wanted if known[name] and number not in known[name]]

    if unknown():
        await client.force_metadata_update()
        if lacking := unknown():
            raise SendError(f"Kafka does not know of {', '.join(sorted(lacking))} yet")


async def _send(outgoing: Sequence[Outgoing], packed_us: int) -> None:
    """Send messages and return when Kafka has acknowledged all of them."""
    producer = await app.maybe_start_producer()
    headers = headers_of(packed_us)
    try:
        await _look_up(producer, outgoing)
        with kill_point("worker.send"):
            futures = [
                await producer.send(_name(out.topic), out.key, out.value, out.partition, None, headers)
                for out in outgoing
            ]
            await asyncio.gather(*futures)
    except (KafkaError, ProducerSendError) as error:
        raise SendError(f"cannot send: {error}") from error


def _watched_lane(name: str, make: Callable[[ServerStore], Processor], *topics: str) -> PartitionTask:
    """Return a partition task that reads these topics, with its meter and monitor."""
    meter = _telemetry.meter(name)
    lane = PartitionTask(
        name,
        meter.making(lambda: _made(make, meter)),
        meter.sending(_send),
        clock=system_clock,
        batch_s=settings.worker.batch_s,
        patience_s=2 * settings.worker.session_s,
        count=_partitions,
    )
    _telemetry.watch(lane, meter, topics)
    return lane


_lanes = {
    INTERACTIONS: _watched_lane("intake", _make_intake, INTERACTIONS, IDENTITY_MAP),
    LINKS: _watched_lane("identity", _make_identity, LINKS),
    EVIDENCE: _watched_lane("journey", _make_journey, EVIDENCE),
}


async def _see_gap(message: Any) -> None:
    """Note what Kafka deleted before this record, if that is why the ones before it did not come."""
    place = TP(message.topic, message.partition)
    try:
        first = (await app.consumer.earliest_offsets(place))[place]
    except KafkaError as error:
        logging.getLogger(__name__).warning(
            "cannot see whether records before %s were lost: %s", place, error
        )
        first = 0
    app.lost.gap(*place, message.offset, first)


async def _pump(stream: Any, topic: str, lane: PartitionTask) -> None:
    async for event in stream.noack().events():
        message = event.message
        if app.lost.skipped(message.topic, message.partition, message.offset):
            await _see_gap(message)
        packed_us = packed_us_of(message.headers)
        record = Message(topic, message.partition, message.offset + 1, message.value or b"", packed_us)
        await lane.put(Received(record, event.ack))


@app.agent(_interactions)
async def intake(stream: Any) -> None:
    """Put frames into the task of intake."""
    await _pump(stream, INTERACTIONS, _lanes[INTERACTIONS])


@app.agent(_map)
async def moves(stream: Any) -> None:
    """Put what identity reports of handles into the task of intake, which has their frames."""
    await _pump(stream, IDENTITY_MAP, _lanes[INTERACTIONS])


@app.agent(_links)
async def identity(stream: Any) -> None:
    """Put links into the task of identity."""
    await _pump(stream, LINKS, _lanes[LINKS])


@app.agent(_evidence)
async def journey(stream: Any) -> None:
    """Put the evidence of handles into the task of journey."""
    await _pump(stream, EVIDENCE, _lanes[EVIDENCE])


async def _on_revoked(_sender: Any, revoked: set[TP], **_: Any) -> None:
    del revoked  # all of them: Faust rebalances eagerly
    for lane in _lanes.values():
        lane.revoke()


async def _on_assigned(_sender: Any, assigned: set[TP], **_: Any) -> None:
    for topic, lane in _lanes.items():
        lane.assign(frozenset(tp.partition for tp in assigned if tp.topic == _name(topic)))


def _on_init(_sender: Any, **_: Any) -> None:
    try:
        _telemetry.start()
    except SettingsError as error:
        logging.getLogger(__name__).critical("%s", error)
        raise SystemExit(2) from None


async def _on_shutdown(_sender: Any, **_: Any) -> None:
    _telemetry.stop()


app.on_worker_init.connect(cast("Any", _on_init))
app.on_before_shutdown.connect(cast("Any", _on_shutdown))
app.on_partitions_revoked.connect(cast("Any", _on_revoked))
app.on_partitions_assigned.connect(cast("Any", _on_assigned))
for _lane in _lanes.values():
    app.task(_lane.run)
arm_by(settings.fault)
