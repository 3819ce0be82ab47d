"""Where the data are and how the engine runs: the only place that reads the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from journey.handle import KEY_BYTES

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
    "secret",
]

DEFAULT_DATA = Path(".journey")
_SCHEME = "chdb://"
_SERVER_SCHEMES = ("clickhouse://", "clickhouses://", "http://", "https://")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_HIGHEST_PORT = 65_535
_LONGEST_SECONDS = 86_400
_HIGHEST_RATE = 1_000_000
_SHORTEST_TOKEN = 16

ENVIRONMENT: dict[str, str] = {
    "JOURNEY_STORE": "where the data are, as a DSN: chdb:///absolute/path (the same as --data), or a server: "
    "clickhouse://user@host:8123/journey (clickhouses:// for TLS)",
    "JOURNEY_STORE_PASSWORD": "password of the server's user, so that the DSN need not hold it",
    "JOURNEY_STORE_CA": "file of the authority that signed the server's certificate; else the system's",
    "JOURNEY_CLUSTER": "name of a ClickHouse cluster: tables are made replicated and distributed on it",
    "JOURNEY_KAFKA": "Kafka's bootstrap servers, host:port,host:port",
    "JOURNEY_KAFKA_PROTOCOL": "PLAINTEXT (default), SSL, SASL_PLAINTEXT or SASL_SSL",
    "JOURNEY_KAFKA_MECHANISM": "of SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (default)",
    "JOURNEY_KAFKA_USER": "user of SASL",
    "JOURNEY_KAFKA_PASSWORD": "password of SASL",
    "JOURNEY_KAFKA_CA": "file of the authority that signed the brokers' certificates; else the system's",
    "JOURNEY_KAFKA_CERTIFICATE": "file of the client's certificate, where brokers ask for one",
    "JOURNEY_KAFKA_KEY": "file of the client certificate's key",
    "JOURNEY_TOPIC_PREFIX": "put before the name of every topic and consumer group, to share a Kafka cluster",
    "JOURNEY_WEB_HOST": "address of a worker's or gateway's /health, /ready and /metrics (127.0.0.1)",
    "JOURNEY_WEB_PORT": "port of them (6066; 0 is any free one)",
    "JOURNEY_COLLECTOR_HOST": "address on which events are taken over HTTP (127.0.0.1); another one than loopback needs "
    "a certificate, or proxies in front that end TLS",
    "JOURNEY_COLLECTOR_PORT": "port of it (8080; 0 is any free one)",
    "JOURNEY_COLLECTOR_CERTIFICATE": "file of the collector's certificate chain, for HTTPS",
    "JOURNEY_COLLECTOR_CERTIFICATE_KEY": "file of the certificate's key",
    "JOURNEY_COLLECTOR_PROXIES": "networks of the proxies in front, 10.0.0.0/8,…: they end TLS, and their "
    "X-Forwarded-For is believed",
    "JOURNEY_COLLECTOR_ADDRESS_RATE": "requests a second that one address may send (200; 0 is without limit)",
    "JOURNEY_SQL_HOST": "address on which `journey up` answers queries in ClickHouse's HTTP protocol (127.0.0.1); another "
    "one than loopback needs JOURNEY_SQL_TOKEN, and the collector's certificate or proxies",
    "JOURNEY_SQL_PORT": "port of it (8123; 0 is any free one, off is none)",
    "JOURNEY_SQL_TOKEN": "password that queries need, of 16 characters at least; without one loopback asks nobody",
    "JOURNEY_BATCH_SECONDS": "longest time that a worker gathers frames for one batch (0.2)",
    "JOURNEY_SESSION_SECONDS": "silence after which Kafka gives a worker's partitions to others (10)",
    "JOURNEY_STALL_SECONDS": "a worker whose lag does not fall for so long says so on /health and exits (120)",
    "JOURNEY_PAGE_TOKEN": "what opens the page of journey up, at least 16 characters; without it the page is for its own "
    "machine only, and not served where the collector listens elsewhere or behind proxies",
    "JOURNEY_SEGMENT": "file of the mapping of Segment's calls; else the bundled one (schemas/segment.toml)",
    "JOURNEY_WEBHOOKS": "folder of webhook mappings, NAME.toml, besides the bundled ones",
    "JOURNEY_WEBHOOK_NAME_SECRET": "what the provider of webhook NAME (in capitals, _ for -) signs with; several, with "
    "spaces between, while it is changed",
    "JOURNEY_WEBHOOK_NAME_SECRET_FILE": "the same from a file",
    "JOURNEY_WEBHOOK_NAME_URL": "address of webhook NAME as its provider knows it, where that is signed too (Square)",
    "JOURNEY_LOG": "text (default) or json: how workers and the gateway log",
    "JOURNEY_HANDLE_KEY": "64 hex digits: the key that handles are hashed with; else the file handle.key is made. After journey "
    "keys rotate, its successors too, with spaces between",
    "JOURNEY_DURABLE": "1: survive power cuts too (fsync of each frame and insert), not only crashes of the process",
    "JOURNEY_ID_WINDOW_DAYS": "days of event time for which ids are remembered; older repeats are looked up (7)",
    "JOURNEY_ALERTS": "TOML file of receivers of alerts, and of rules (deploy/alerting.md); none are told without",
    "JOURNEY_FAULT": "POINT or POINT:N, for tests: kill the process at a named write boundary",
}
_WEBHOOK = re.compile(r"JOURNEY_WEBHOOK_([A-Z0-9_]+?)_(SECRET|SECRET_FILE|URL)")
_LONGEST_WINDOW = 366  # days; a year of ids in memory is enough


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it, its value and what is allowed."""


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
            data=data if data is not None else _data(os.environ.get("JOURNEY_STORE", "")),
            store="" if data is not None else _server(os.environ.get("JOURNEY_STORE", "")),
            store_password=os.environ.get("JOURNEY_STORE_PASSWORD", ""),
            store_ca=os.environ.get("JOURNEY_STORE_CA", ""),
            cluster=_name("JOURNEY_CLUSTER"),
            kafka=_kafka(),
            worker=_worker(),
            collector=(collector := _collector()),
            sql=_sql(collector),
            adapters=_adapters(),
            page_token=_token("JOURNEY_PAGE_TOKEN"),
            alerts=Path(alerts) if (alerts := os.environ.get("JOURNEY_ALERTS", "")) else None,
            handle_key=_key(os.environ.get("JOURNEY_HANDLE_KEY", "")),
            durable=_flag("JOURNEY_DURABLE"),
            id_window=_days("JOURNEY_ID_WINDOW_DAYS", default=7),
            fault=os.environ.get("JOURNEY_FAULT", ""),
        )


def secret(name: str) -> str:
    """Return a variable of the environment that a file of ours names, "" where there is none."""
    return os.environ.get(name, "")


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
    servers = tuple(part.strip() for part in os.environ.get("JOURNEY_KAFKA", "").split(",") if part.strip())
    if wrong := [server for server in servers if not re.fullmatch(r"[^:\s]+:\d+|\[[0-9a-f:]+\]:\d+", server)]:
        raise SettingsError(f"JOURNEY_KAFKA: {wrong[0]!r} is not host:port")
    return KafkaSettings(
        servers=servers,
        protocol=_choice("JOURNEY_KAFKA_PROTOCOL", _PROTOCOLS, "PLAINTEXT"),
        mechanism=_choice("JOURNEY_KAFKA_MECHANISM", _MECHANISMS, "SCRAM-SHA-512"),
        user=os.environ.get("JOURNEY_KAFKA_USER", ""),
        password=os.environ.get("JOURNEY_KAFKA_PASSWORD", ""),
        ca=os.environ.get("JOURNEY_KAFKA_CA", ""),
        certificate=os.environ.get("JOURNEY_KAFKA_CERTIFICATE", ""),
        key=os.environ.get("JOURNEY_KAFKA_KEY", ""),
        prefix=_name("JOURNEY_TOPIC_PREFIX"),
    )


def _port(name: str, default: int) -> int:
    port = os.environ.get(name, str(default))
    if not port.isdigit() or int(port) > _HIGHEST_PORT:
        raise SettingsError(f"{name} = {port!r}: must be a port, 0 to {_HIGHEST_PORT}")
    return int(port)


def _collector() -> CollectorSettings:
    settings = CollectorSettings(
        host=os.environ.get("JOURNEY_COLLECTOR_HOST", "127.0.0.1"),
        port=_port("JOURNEY_COLLECTOR_PORT", 8080),
        certificate=os.environ.get("JOURNEY_COLLECTOR_CERTIFICATE", ""),
        certificate_key=os.environ.get("JOURNEY_COLLECTOR_CERTIFICATE_KEY", ""),
        proxies=_networks("JOURNEY_COLLECTOR_PROXIES"),
        address_rate=_rate("JOURNEY_COLLECTOR_ADDRESS_RATE", 200.0),
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
    is_off = os.environ.get("JOURNEY_SQL_PORT") == "off"
    settings = SqlSettings(
        host=os.environ.get("JOURNEY_SQL_HOST", "127.0.0.1"),
        port=None if is_off else _port("JOURNEY_SQL_PORT", 8123),
        is_wanted="JOURNEY_SQL_PORT" in os.environ,
        token=os.environ.get("JOURNEY_SQL_TOKEN", ""),
    )
    if settings.token and len(settings.token) < _SHORTEST_TOKEN:
        raise SettingsError(f"JOURNEY_SQL_TOKEN: must have {_SHORTEST_TOKEN} characters at least")
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
    given = ((_WEBHOOK.fullmatch(name), value) for name, value in os.environ.items())
    webhooks = [(found[1], found[2], value) for found, value in given if found and value]
    secrets = {
        name: tuple((value if what == "SECRET" else _file(name, value)).split())
        for name, what, value in sorted(webhooks)
        if what != "URL"
    }
    return AdapterSettings(
        segment=_path("JOURNEY_SEGMENT"),
        webhooks=_path("JOURNEY_WEBHOOKS"),
        secrets=secrets,
        urls={name: value for name, what, value in webhooks if what == "URL"},
    )


def _path(name: str) -> Path | None:
    value = os.environ.get(name, "")
    return Path(value) if value else None


def _file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"JOURNEY_WEBHOOK_{name}_SECRET_FILE = {path!r}: cannot be read: {error}"
        ) from error


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    parts = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
    try:
        return tuple(ip_network(part) for part in parts)
    except ValueError as error:
        raise SettingsError(f"{name}: must be networks such as 10.0.0.0/8,192.168.1.5: {error}") from error


def _rate(name: str, default: float) -> float:
    value = os.environ.get(name, str(default))
    try:
        rate = float(value)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= _HIGHEST_RATE:
        raise SettingsError(f"{name} = {value!r}: must be a number from 0 to {_HIGHEST_RATE:,}")
    return rate


def _worker() -> WorkerSettings:
    return WorkerSettings(
        web_host=os.environ.get("JOURNEY_WEB_HOST", "127.0.0.1"),
        web_port=_port("JOURNEY_WEB_PORT", 6066),
        batch_s=_seconds("JOURNEY_BATCH_SECONDS", default=0.2),
        session_s=_seconds("JOURNEY_SESSION_SECONDS", default=10.0),
        stall_s=_seconds("JOURNEY_STALL_SECONDS", default=120.0),
        log=_choice("JOURNEY_LOG", ("text", "json"), "text"),
    )


def _choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    value = os.environ.get(name, default)
    if value not in allowed:
        raise SettingsError(f"{name} = {value!r}: must be one of {', '.join(allowed)}")
    return value


def _name(name: str) -> str:
    value = os.environ.get(name, "")
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", value):
        raise SettingsError(f"{name} = {value!r}: letters, digits, dot, dash and underscore only")
    return value


def _seconds(name: str, default: float) -> float:
    value = os.environ.get(name, str(default))
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise SettingsError(
            f"{name} = {value!r}: must be a number of seconds above 0, at most {_LONGEST_SECONDS}"
        )
    return seconds


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


def _token(name: str) -> str:
    token = os.environ.get(name, "")
    if token and (len(token) < _SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise SettingsError(f"{name}: must be at least {_SHORTEST_TOKEN} printable ASCII characters")
    return token


def _flag(name: str) -> bool:
    value = os.environ.get(name, "0")
    if value not in {"0", "1"}:
        raise SettingsError(f"{name} = {value!r}: must be 0 or 1")
    return value == "1"


def _days(name: str, default: int) -> timedelta:
    value = os.environ.get(name, str(default))
    try:
        days = float(value)
    except ValueError:
        days = 0.0
    if not 0 < days <= _LONGEST_WINDOW:
        raise SettingsError(f"{name} = {value!r}: must be a number of days above 0, at most 366")
    return timedelta(days=days)
