"""Where the data are and how the engine runs, as the environment says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from journey.handle import KEY_BYTES
from streams import environment
from streams.environment import ENVIRONMENT, SettingsError, is_loopback

__all__ = [
    "DEFAULT_DATA",
    "ENVIRONMENT",
    "AdapterSettings",
    "CollectorSettings",
    "KafkaSettings",
    "Settings",
    "SettingsError",
    "SqlSettings",
    "WorkerSettings",
    "is_loopback",
    "parse_key",
]

DEFAULT_DATA = Path(".journey")
_SCHEME = "chdb://"
_SERVER_SCHEMES = ("clickhouse://", "clickhouses://", "http://", "https://")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_WEBHOOK = re.compile(r"JOURNEY_WEBHOOK_([A-Z0-9_]+?)_(SECRET|SECRET_FILE|URL)")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach Kafka; `servers` is empty where there is none. Files are paths, "" for none."""

    servers: tuple[str, ...] = ()
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    certificate: str = ""
    key: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker or gateway runs."""

    web_host: str = "127.0.0.1"
    web_port: int = 6066
    batch_s: float = 0.2
    session_s: float = 10.0
    stall_s: float = 120.0
    log: str = "text"


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """Where and from whom the collector takes events. Files are paths, "" for none."""

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: str = ""
    certificate_key: str = ""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    address_rate: float = 200.0


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """Where and from whom `journey up` takes queries; `port` is None where it does not.

    `is_wanted` where the port was chosen: it goes on without queries where another program has the usual one.
    """

    host: str = "127.0.0.1"
    port: int | None = 8123
    is_wanted: bool = False
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """Mappings of other protocols, None for the bundled ones; secrets and addresses of webhooks by name in capitals."""

    segment: Path | None = None
    webhooks: Path | None = None
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of every shell: `store` is the DSN of a server, "" for the embedded engine in `data`."""

    data: Path
    handle_key: bytes | None = field(default=None, repr=False)
    durable: bool = False
    id_window: timedelta = timedelta(days=7)
    fault: str = ""
    store: str = field(default="", repr=False)
    store_password: str = field(default="", repr=False)
    store_ca: str = ""
    cluster: str = ""
    kafka: KafkaSettings = KafkaSettings()
    worker: WorkerSettings = WorkerSettings()
    collector: CollectorSettings = CollectorSettings()
    sql: SqlSettings = SqlSettings()
    adapters: AdapterSettings = field(default_factory=AdapterSettings)
    page_token: str = field(default="", repr=False)
    public_url: str = ""
    alerts: Path | None = None
    """File of receivers and rules; None for none."""

    @classmethod
    def read(cls, data: Path | None = None) -> "Settings":
        """Read the environment; `data` given on the command line wins over JOURNEY_STORE.

        Raises
        ------
        SettingsError
            A variable has a value that is not allowed.
        """
        return cls(
            data=data if data is not None else _data(environment.text("JOURNEY_STORE")),
            store="" if data is not None else _server(environment.text("JOURNEY_STORE")),
            store_password=environment.text("JOURNEY_STORE_PASSWORD"),
            store_ca=environment.text("JOURNEY_STORE_CA"),
            cluster=environment.name("JOURNEY_CLUSTER"),
            kafka=_kafka(),
            worker=_worker(),
            collector=(collector := _collector()),
            sql=_sql(collector),
            adapters=_adapters(),
            page_token=environment.token("JOURNEY_PAGE_TOKEN"),
            public_url=environment.url("JOURNEY_PUBLIC_URL"),
            alerts=Path(alerts) if (alerts := environment.text("JOURNEY_ALERTS")) else None,
            handle_key=_key(environment.text("JOURNEY_HANDLE_KEY")),
            durable=environment.flag("JOURNEY_DURABLE"),
            id_window=environment.days("JOURNEY_ID_WINDOW_DAYS", default=7),
            fault=environment.text("JOURNEY_FAULT"),
        )


def _data(dsn: str) -> Path:
    if not dsn or dsn.startswith(_SERVER_SCHEMES):
        return DEFAULT_DATA
    if not dsn.startswith(_SCHEME) or not dsn.removeprefix(_SCHEME).startswith("/"):
        raise SettingsError(
            "JOURNEY_STORE: must be chdb:///absolute/path, or a server: clickhouse://user@host:8123/journey"
        )
    return Path(dsn.removeprefix(_SCHEME))


def _server(dsn: str) -> str:
    return dsn if dsn.startswith(_SERVER_SCHEMES) else ""


def _kafka() -> KafkaSettings:
    servers = tuple(part.strip() for part in environment.text("JOURNEY_KAFKA").split(",") if part.strip())
    if wrong := [server for server in servers if not re.fullmatch(r"[^:\s]+:\d+|\[[0-9a-f:]+\]:\d+", server)]:
        raise SettingsError(f"JOURNEY_KAFKA: {wrong[0]!r} is not host:port")
    return KafkaSettings(
        servers=servers,
        protocol=environment.choice("JOURNEY_KAFKA_PROTOCOL", _PROTOCOLS, "PLAINTEXT"),
        mechanism=environment.choice("JOURNEY_KAFKA_MECHANISM", _MECHANISMS, "SCRAM-SHA-512"),
        user=environment.text("JOURNEY_KAFKA_USER"),
        password=environment.text("JOURNEY_KAFKA_PASSWORD"),
        ca=environment.text("JOURNEY_KAFKA_CA"),
        certificate=environment.text("JOURNEY_KAFKA_CERTIFICATE"),
        key=environment.text("JOURNEY_KAFKA_KEY"),
        prefix=environment.name("JOURNEY_TOPIC_PREFIX"),
    )


def _collector() -> CollectorSettings:
    settings = CollectorSettings(
        host=environment.text("JOURNEY_COLLECTOR_HOST", "127.0.0.1"),
        port=environment.port("JOURNEY_COLLECTOR_PORT", 8080),
        certificate=environment.text("JOURNEY_COLLECTOR_CERTIFICATE"),
        certificate_key=environment.text("JOURNEY_COLLECTOR_CERTIFICATE_KEY"),
        proxies=environment.networks("JOURNEY_COLLECTOR_PROXIES"),
        address_rate=environment.rate("JOURNEY_COLLECTOR_ADDRESS_RATE", 200.0),
    )
    if not (settings.certificate or settings.proxies or is_loopback(settings.host)):
        raise SettingsError(
            f"JOURNEY_COLLECTOR_HOST = {settings.host!r}: write keys would cross the network in the clear; set "
            "JOURNEY_COLLECTOR_CERTIFICATE and JOURNEY_COLLECTOR_CERTIFICATE_KEY, or JOURNEY_COLLECTOR_PROXIES to the "
            "networks of the proxies that end TLS in front, or listen on 127.0.0.1"
        )
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise SettingsError(
            "JOURNEY_COLLECTOR_CERTIFICATE and JOURNEY_COLLECTOR_CERTIFICATE_KEY belong together"
        )
    return settings


def _sql(collector: CollectorSettings) -> SqlSettings:
    is_off = environment.text("JOURNEY_SQL_PORT") == "off"
    settings = SqlSettings(
        host=environment.text("JOURNEY_SQL_HOST", "127.0.0.1"),
        port=None if is_off else environment.port("JOURNEY_SQL_PORT", 8123),
        is_wanted="JOURNEY_SQL_PORT" in environment.given(),
        token=environment.text("JOURNEY_SQL_TOKEN"),
    )
    if settings.token and len(settings.token) < environment.SHORTEST_TOKEN:
        raise SettingsError(f"JOURNEY_SQL_TOKEN: must have {environment.SHORTEST_TOKEN} characters at least")
    if is_off or is_loopback(settings.host):
        return settings
    if not settings.token:
        raise SettingsError(
            f"JOURNEY_SQL_HOST = {settings.host!r}: whoever reaches it could read everything; set JOURNEY_SQL_TOKEN, or"
            " listen on 127.0.0.1"
        )
    if not (collector.certificate or collector.proxies):
        raise SettingsError(
            f"JOURNEY_SQL_HOST = {settings.host!r}: the token would cross the network in the clear; set"
            " JOURNEY_COLLECTOR_CERTIFICATE and JOURNEY_COLLECTOR_CERTIFICATE_KEY, or JOURNEY_COLLECTOR_PROXIES"
        )
    return settings


def _adapters() -> AdapterSettings:
    matched = ((_WEBHOOK.fullmatch(name), value) for name, value in environment.given().items())
    webhooks = [(found[1], found[2], value) for found, value in matched if found and value]
    secrets = {
        name: tuple((value if what == "SECRET" else _file(name, value)).split())
        for name, what, value in sorted(webhooks)
        if what != "URL"
    }
    return AdapterSettings(
        segment=environment.path("JOURNEY_SEGMENT"),
        webhooks=environment.path("JOURNEY_WEBHOOKS"),
        secrets=secrets,
        urls={name: value for name, what, value in webhooks if what == "URL"},
    )


def _file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"JOURNEY_WEBHOOK_{name}_SECRET_FILE = {path!r}: cannot be read: {error}"
        ) from error


def _worker() -> WorkerSettings:
    return WorkerSettings(
        web_host=environment.text("JOURNEY_WEB_HOST", "127.0.0.1"),
        web_port=environment.port("JOURNEY_WEB_PORT", 6066),
        batch_s=environment.seconds("JOURNEY_BATCH_SECONDS", default=0.2),
        session_s=environment.seconds("JOURNEY_SESSION_SECONDS", default=10.0),
        stall_s=environment.seconds("JOURNEY_STALL_SECONDS", default=120.0),
        log=environment.choice("JOURNEY_LOG", ("text", "json"), "text"),
    )


def parse_key(text: str) -> bytes:
    """Read a key and its successors, in their order, each of 64 hex digits, with white space between them.

    Raises
    ------
    ValueError
        It is anything else.
    """
    keys = [bytes.fromhex(part) for part in text.split()]
    if not keys or any(len(key) != KEY_BYTES for key in keys) or len(set(keys)) < len(keys):
        raise ValueError(f"must be {2 * KEY_BYTES} hex digits, or several such keys, none twice")
    return b"".join(keys)


def _key(text: str) -> bytes | None:
    if not text:
        return None
    try:
        return parse_key(text)
    except ValueError:
        raise SettingsError(
            f"JOURNEY_HANDLE_KEY: must be {2 * KEY_BYTES} hex digits (and, with spaces between, its successors), has"
            f" {len(text)} characters"
        ) from None
