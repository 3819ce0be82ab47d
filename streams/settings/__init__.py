"""Reads the settings of all shells from the environment: where the data are and how the engine runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from journey.identity.rules import HandleRules
from streams import environment
from streams.clock import is_zone
from streams.environment import ENVIRONMENT, SettingsError, is_loopback
from streams.settings.adapters import AdapterSettings, adapters
from streams.settings.handle_key import handle_key, parse_key
from streams.settings.page_proxy import PageProxySettings, page_proxy
from streams.settings.readable import ReadableKinds, readable_key, readable_wanted
from streams.settings.sentiment import languages_wanted

__all__ = [
    "BRANDS",
    "DEFAULT_DATA",
    "ENVIRONMENT",
    "SEPARATE",
    "SHARED",
    "AdapterSettings",
    "CollectorSettings",
    "KafkaSettings",
    "PageProxySettings",
    "ReadableKinds",
    "Settings",
    "SettingsError",
    "SqlSettings",
    "WorkerSettings",
    "brands_wanted",
    "handle_rules_wanted",
    "is_loopback",
    "parse_key",
    "readable_key",
    "readable_wanted",
]

DEFAULT_DATA = Path(".journey")
SEPARATE, SHARED = BRANDS = ("separate", "shared")
_SCHEME = "chdb://"
_SERVER_SCHEMES = ("clickhouse://", "clickhouses://", "http://", "https://")
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """The connection to Kafka; `servers` is empty where there is none. Files are paths, "" for none."""

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
    """The settings of a worker or gateway."""

    web_host: str = "127.0.0.1"
    web_port: int = 6066
    web_names: tuple[str, ...] = ()
    batch_s: float = 0.2
    session_s: float = 10.0
    stall_s: float = 120.0
    log: str = "text"


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """The address and the clients of the collector. Files are paths, "" for none."""

    host: str = "127.0.0.1"
    port: int = 8080
    certificate: str = ""
    certificate_key: str = ""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    address_rate: float = 200.0


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """The address and the clients of the SQL endpoint of `journey up`; `port` is None where there is none.

    `is_wanted` where the port was chosen: it goes on without queries where another program has the usual one.
    """

    host: str = "127.0.0.1"
    port: int | None = 8123
    is_wanted: bool = False
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of every shell: `store` is the DSN of a server, "" for the embedded engine in `data`."""

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
    zones: Mapping[str, str] = field(default_factory=dict)
    """Time zones whose days those of brands are on the page; that of "" is for all others."""
    page_tokens: Path | None = None
    """File of the page's named tokens; None for none."""
    page_proxy: PageProxySettings | None = None
    """The proxies that sign people in to the page; None for none."""
    public_url: str = ""
    brands: str = ""
    """"separate" or "shared", "" where it is not told."""
    handle_rules: HandleRules = field(default_factory=HandleRules)
    """Whose national phone numbers each brand has."""
    languages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The languages in which the mood of texts is computed, by brand; those of "" are for all others."""
    readable: ReadableKinds = field(default_factory=ReadableKinds)
    """The kinds of handle that each brand keeps readable."""
    readable_key: bytes | None = field(default=None, repr=False)
    """What their values are encrypted under; None for the data directory's file."""
    alerts: Path | None = None
    """File of receivers and rules; None for none."""
    audiences: Path | None = None
    """File of audiences; None for none."""

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
            adapters=adapters(),
            page_token=environment.token("JOURNEY_PAGE_TOKEN"),
            zones=_zones(environment.text("JOURNEY_ZONE")),
            page_tokens=(rights := environment.path("JOURNEY_PAGE_TOKENS")),
            page_proxy=page_proxy(has_rights=rights is not None),
            public_url=environment.url("JOURNEY_PUBLIC_URL"),
            alerts=Path(alerts) if (alerts := environment.text("JOURNEY_ALERTS")) else None,
            audiences=environment.path("JOURNEY_AUDIENCES"),
            handle_key=handle_key(),
            brands=brands_wanted(),
            handle_rules=handle_rules_wanted(),
            languages=languages_wanted(),
            readable=readable_wanted(),
            readable_key=readable_key(),
            durable=environment.flag("JOURNEY_DURABLE"),
            id_window=environment.days("JOURNEY_ID_WINDOW_DAYS", default=7),
            fault=environment.text("JOURNEY_FAULT"),
        )


def _zones(text: str) -> dict[str, str]:
    """Return time zones by brand. Raises SettingsError.

    >>> _zones("Europe/Paris, nova=America/New_York")
    {'': 'Europe/Paris', 'nova': 'America/New_York'}
    """
    found: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        brand, equals, zone = (each.strip() for each in part.rpartition("="))
        if not is_zone(zone) or brand in found or bool(equals) != bool(brand):
            raise SettingsError(
                f"JOURNEY_ZONE = {text!r}: must be such as Europe/Paris, or Europe/Paris, nova=America/New_York"
            )
        found[brand] = zone
    return found


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


def _worker() -> WorkerSettings:
    return WorkerSettings(
        web_host=environment.text("JOURNEY_WEB_HOST", "127.0.0.1"),
        web_port=environment.port("JOURNEY_WEB_PORT", 6066),
        web_names=tuple(environment.text("JOURNEY_WEB_NAMES").replace(",", " ").split()),
        batch_s=environment.seconds("JOURNEY_BATCH_SECONDS", default=0.2),
        session_s=environment.seconds("JOURNEY_SESSION_SECONDS", default=10.0),
        stall_s=environment.seconds("JOURNEY_STALL_SECONDS", default=120.0),
        log=environment.choice("JOURNEY_LOG", ("text", "json"), "text"),
    )


def handle_rules_wanted() -> HandleRules:
    """Return the rules of handles with the regions of JOURNEY_PHONE_REGION. Raises SettingsError."""
    text = environment.text("JOURNEY_PHONE_REGION")
    try:
        return HandleRules.of_regions(text)
    except ValueError as error:
        raise SettingsError(f"JOURNEY_PHONE_REGION = {text!r}: {error}") from None


def brands_wanted() -> str:
    """Return JOURNEY_BRANDS, "" where it is not set. Raises SettingsError."""
    return environment.choice("JOURNEY_BRANDS", BRANDS, "") if environment.text("JOURNEY_BRANDS") else ""
