"""Creates Kafka clients from our settings, as the only module that does, and raises their errors as BrokerError."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from streams.kafka.errors import BrokerError, TopicError, UnreachableError
from streams.settings import KafkaSettings

try:
    from kafka import (  # type: ignore[import-untyped]
        ConsumerRebalanceListener,
        KafkaAdminClient,
        KafkaConsumer,
        KafkaProducer,
        OffsetAndMetadata,
        TopicPartition,
    )
    from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec  # type: ignore[import-untyped]
    from kafka.errors import (  # type: ignore[import-untyped]
        AuthorizationError,
        CommitFailedError,
        KafkaError,
        KafkaTimeoutError,
        RebalanceInProgressError,
        SaslAuthenticationFailedError,
        UnknownTopicOrPartitionError,
        UnsupportedSaslMechanismError,
    )
    from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]
    from kafka.net.inet import KafkaNetSocket  # type: ignore[import-untyped]
    from kafka.net.manager import KafkaConnectionManager  # type: ignore[import-untyped]
    from kafka.net.selector import NetworkSelector  # type: ignore[import-untyped]
except ImportError as missing:
    raise BrokerError(
        f"no Kafka client ({missing}): install the extra, pip install 'customer-journey-engine[kafka]'"
    ) from missing

__all__ = [
    "CommitFailedError",
    "ConfigResource",
    "ConfigResourceType",
    "ConsumerRebalanceListener",
    "KafkaError",
    "KafkaTimeoutError",
    "OffsetAndMetadata",
    "OffsetSpec",
    "RebalanceInProgressError",
    "TopicPartition",
    "admin",
    "broker_errors",
    "consumer",
    "producer",
]  # fmt: skip

_BOOTSTRAP_S = 20.0
_PROBE_S = 3.0
_REFUSALS = (SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
_CLIENT_ID = "customer-journey-engine"


class _Secret(str):
    """Text that is not shown where a client logs its configuration."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


def options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the keyword arguments that all of kafka-python's clients share.

    Raises
    ------
    BrokerError
        There are no servers, a user or password is missing, or a file of certificates cannot be read.
    """
    if not settings.servers:
        raise BrokerError("JOURNEY_KAFKA is not set: give Kafka's bootstrap servers, host:port,host:port")
    shared: dict[str, Any] = {
        "bootstrap_servers": list(settings.servers),
        "client_id": _CLIENT_ID,
        "security_protocol": settings.protocol,
        "proxy_url": "direct://",  # none; the name of _Sockets
        "bootstrap_timeout_ms": int(_BOOTSTRAP_S * 1000),
        "reconnect_backoff_max_ms": 2_000,  # a broker that comes back is met again soon
    }
    if settings.protocol.startswith("SASL"):
        if not settings.user or not settings.password:
            raise BrokerError(
                f"JOURNEY_KAFKA_PROTOCOL = {settings.protocol} needs JOURNEY_KAFKA_USER and JOURNEY_KAFKA_PASSWORD"
            )
        shared |= {
            "sasl_mechanism": settings.mechanism,
            "sasl_plain_username": settings.user,
            "sasl_plain_password": _Secret(settings.password),
        }
    if settings.protocol.endswith("SSL"):
        shared["ssl_context"] = _context(settings)
    return shared


def _context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
    except (OSError, ssl.SSLError) as error:
        raise BrokerError(f"JOURNEY_KAFKA_CA = {settings.ca}: not a file of certificates: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate:
        try:
            context.load_cert_chain(settings.certificate, settings.key or None)
        except (OSError, ssl.SSLError) as error:
            raise BrokerError(
                f"JOURNEY_KAFKA_CERTIFICATE = {settings.certificate}, JOURNEY_KAFKA_KEY = {settings.key}: {error}"
            ) from error
    return context


@contextmanager
def admin(settings: KafkaSettings, **more: Any) -> Iterator[Any]:
    """Open a KafkaAdminClient; errors inside are raised as BrokerError."""
    with broker_errors(settings):
        client = _made(KafkaAdminClient, settings, **more)
        try:
            yield client
        finally:
            client.close()


def producer(settings: KafkaSettings, **more: Any) -> Any:
    """Return an idempotent KafkaProducer that waits for all replicas in sync. Raises BrokerError."""
    safe: dict[str, Any] = {"acks": "all", "enable_idempotence": True, "metrics_enabled": False}
    with broker_errors(settings):
        return _made(KafkaProducer, settings, **safe, **more)


_METADATA_MS = 20_000  # until partitions are seen that a topic was given meanwhile


def consumer(settings: KafkaSettings, **more: Any) -> Any:
    """Return a KafkaConsumer that never commits by itself. Raises BrokerError."""
    safe: dict[str, Any] = {
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "metrics_enabled": False,
        "metadata_max_age_ms": _METADATA_MS,
    }
    with broker_errors(settings):
        return _made(KafkaConsumer, settings, **safe, **more)


class _Sockets(KafkaNetSocket):  # type: ignore[misc]
    """Sockets that are closed when they find nobody to connect to; the client leaves them to the garbage collector."""

    SCHEMES = ("direct",)

    async def sock_connect(self, net: Any, sock: Any, address: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, address, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


class _Connections(KafkaConnectionManager):  # type: ignore[misc]
    """Connections of one client: none makes the broker create a topic, and the first says why it was refused."""

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.cluster.config["allow_auto_create_topics"] = False
        self.reason: Exception | None = None

    def get_connection(self, *arguments: Any, **more: Any) -> Any:
        if not self.bootstrapped and isinstance(self.reason, _REFUSALS):
            raise self.reason  # rather than try until time is up
        connection = super().get_connection(*arguments, **more)
        connection.init_future.add_errback(self._note)
        return connection

    async def _build_transport(self, *arguments: Any, **more: Any) -> Any:
        transport = await super()._build_transport(*arguments, **more)
        receive = transport._sock_recv  # noqa: SLF001

        def received() -> tuple[bytes, Exception | None]:
            # A broker that refuses us says so and hangs up; its last words are read before the end of the line is met.
            data, error = receive()
            return data, None if data else error

        transport._sock_recv = received  # noqa: SLF001
        return transport

    def _note(self, error: Exception) -> None:
        self.reason = error


def _made(make: Callable[..., Any], settings: KafkaSettings, **more: Any) -> Any:
    """Make a client; when that fails, nothing of it stays behind."""
    connections: list[Any] = []

    def net(**configs: Any) -> Any:
        selector = NetworkSelector(**configs)
        connections.append(_Connections(selector, **configs))
        return KafkaNetClient(net=selector, manager=connections[-1])

    given = options(settings) | more
    _reach(settings)
    try:
        return make(kafka_client=net, **given)
    except BaseException as error:
        for made in connections:
            made.close()
            made._net.close()  # noqa: SLF001 - as the client does, of which there is none yet
        if isinstance(error, KafkaTimeoutError) and connections:
            raise _silent(settings, connections[-1].reason) from error
        raise


def _silent(settings: KafkaSettings, reason: Exception | None) -> UnreachableError:
    return UnreachableError(
        f"Kafka at {','.join(settings.servers)} does not answer as {settings.protocol} ({reason or 'no reason given'}): "
        "check JOURNEY_KAFKA and JOURNEY_KAFKA_PROTOCOL"
    )


@contextmanager
def broker_errors(settings: KafkaSettings) -> Iterator[None]:
    """Turn errors of Kafka's client into a BrokerError that says what to check."""
    try:
        yield
    except KafkaError as error:
        raise _explained(error, settings) from error


def _explained(error: Any, settings: KafkaSettings) -> BrokerError:
    servers = ",".join(settings.servers)
    if isinstance(error, _REFUSALS):
        return BrokerError(
            f"Kafka at {servers} refuses the user {settings.user!r} ({settings.mechanism}): check JOURNEY_KAFKA_USER, "
            "JOURNEY_KAFKA_PASSWORD and JOURNEY_KAFKA_MECHANISM"
        )
    if isinstance(error, AuthorizationError):
        return BrokerError(f"Kafka at {servers}: the user {settings.user!r} lacks a right: {error}")
    if isinstance(error, UnknownTopicOrPartitionError):
        return TopicError(f"Kafka at {servers} has no such topic or partition: {error}")
    return BrokerError(f"Kafka at {servers}: {error}")


def _reach(settings: KafkaSettings) -> None:
    """Say at once what is wrong when no server can be connected to, rather than after many tries."""
    failures = []
    for server in settings.servers:
        try:
            _connect(server, settings)
        except (OSError, ssl.SSLError) as error:
            failures.append(f"{server}: {error}")
        else:
            return
    raise UnreachableError(f"cannot reach Kafka ({settings.protocol}): " + "; ".join(failures))


def _connect(server: str, settings: KafkaSettings) -> None:
    host, port = re.fullmatch(r"\[?(.+?)\]?:(\d+)", server).groups()  # type: ignore[union-attr]
    with socket.create_connection((host, int(port)), _PROBE_S) as plain:
        if settings.protocol.endswith("SSL"):
            _context(settings).wrap_socket(plain, server_hostname=host).close()
