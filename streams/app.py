"""The Faust app: `faust -A streams.app worker`, or `journey worker`. Agents put records into lanes; lanes do the work.

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
from streams import models
from streams.clock import system_clock
from streams.faults import arm_by, boundary
from streams.handle_keys import in_force
from streams.kafka.errors import BrokerError
from streams.kafka.topics import log_ends, partition_count
from streams.opening import open_server
from streams.ports import StoreError
from streams.settings import KafkaSettings, Settings, SettingsError
from streams.telemetry import logs
from streams.telemetry.meter import Meter
from streams.telemetry.packed import headers_of, packed_us_of
from streams.telemetry.store import MeasuredStore
from streams.telemetry.worker import WorkerTelemetry
from streams.workers.fence import asking
from streams.workers.identity import IdentityWorker
from streams.workers.intake import IntakeWorker
from streams.workers.journey import JourneyWorker
from streams.workers.lane import Lane, Processor, Received, SendError
from streams.workers.messages import Message, Outgoing
from streams.workers.ports import LogSpan
from streams.workers.store import ServerStore
from streams.workers.transport import App

__all__ = ["app"]

_LARGEST_RECORD = 4_194_304

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
    producer_acks=-1,
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
)
_telemetry = WorkerTelemetry(settings)


def _topic(name: str) -> Any:
    return app.topic(_name(name), key_serializer="raw", value_serializer="raw", value_type=bytes, acks=True)


_interactions, _map, _links, _evidence = (
    _topic(name) for name in (INTERACTIONS, IDENTITY_MAP, LINKS, EVIDENCE)
)


def _store(meter: Meter) -> ServerStore:
    """Return a connection of its own, for one lane's thread."""
    try:
        count = partition_count(settings.kafka)
    except BrokerError as error:
        raise StoreError(str(error)) from error
    return MeasuredStore(open_server(settings), count, meter)


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
        handle_key=in_force(store.store),
    )


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


async def _send(outgoing: Sequence[Outgoing], packed_us: int) -> None:
    """Send messages and return when Kafka has acknowledged all of them."""
    producer = await app.maybe_start_producer()
    headers = headers_of(packed_us)
    try:
        with boundary("worker.send"):
            futures = [
                await producer.send(_name(out.topic), out.key, out.value, out.partition, None, headers)
                for out in outgoing
            ]
            await asyncio.gather(*futures)
    except (KafkaError, ProducerSendError) as error:
        raise SendError(f"cannot send: {error}") from error


def _watched_lane(name: str, make: Callable[[ServerStore], Processor], *topics: str) -> Lane:
    """Return a lane that reads these topics, watched."""
    meter = _telemetry.meter(name)
    lane = Lane(
        name,
        meter.making(lambda: _made(make, meter)),
        meter.sending(_send),
        clock=system_clock,
        batch_s=settings.worker.batch_s,
        patience_s=2 * settings.worker.session_s,
    )
    _telemetry.watch(lane, meter, topics)
    return lane


_lanes = {
    INTERACTIONS: _watched_lane("intake", _make_intake, INTERACTIONS, IDENTITY_MAP),
    LINKS: _watched_lane("identity", _make_identity, LINKS),
    EVIDENCE: _watched_lane("journey", _make_journey, EVIDENCE),
}


async def _pump(stream: Any, topic: str, lane: Lane) -> None:
    async for event in stream.noack().events():
        message = event.message
        packed_us = packed_us_of(message.headers)
        record = Message(topic, message.partition, message.offset + 1, message.value or b"", packed_us)
        await lane.put(Received(record, event.ack))


@app.agent(_interactions)
async def intake(stream: Any) -> None:
    """Take frames."""
    await _pump(stream, INTERACTIONS, _lanes[INTERACTIONS])


@app.agent(_map)
async def moves(stream: Any) -> None:
    """Take what identity says of the handles whose frames come to the same worker."""
    await _pump(stream, IDENTITY_MAP, _lanes[INTERACTIONS])


@app.agent(_links)
async def identity(stream: Any) -> None:
    """Take links."""
    await _pump(stream, LINKS, _lanes[LINKS])


@app.agent(_evidence)
async def journey(stream: Any) -> None:
    """Take the evidence of handles."""
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
