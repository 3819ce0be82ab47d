"""Reads and validates environment variables, as the only module that reads the environment.

Every function raises SettingsError where a value is not allowed.
"""

import os
import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from journey.errors import UserError

__all__ = [
    "ENVIRONMENT",
    "SHORTEST_TOKEN",
    "SettingsError",
    "choice",
    "days",
    "flag",
    "given",
    "is_loopback",
    "name",
    "networks",
    "path",
    "port",
    "put",
    "rate",
    "seconds",
    "text",
    "token",
    "url",
]

_HIGHEST_PORT = 65_535
_LONGEST_SECONDS = 86_400
_HIGHEST_RATE = 1_000_000
SHORTEST_TOKEN = 16
_LONGEST_WINDOW = 366  # days; a year of ids in memory is enough

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
    "JOURNEY_WEB_NAMES": "names by which other machines ask for them, separated by commas: besides addresses, and names of private "
    "networks, such as worker or worker.example.internal",
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
    "JOURNEY_ZONE": "time zone whose days and times the page has, and of single brands: Europe/Paris or Europe/Paris, nova=America/New_York (UTC)",
    "JOURNEY_PAGE_TOKENS": "file of named tokens of the page, TOML: each with the hash of a token, the brands that it sees, and whether "
    "it may change anything; and the same of people and groups whom a proxy signs in",
    "JOURNEY_PAGE_PROXIES": "addresses or networks of the proxies that sign people in to the page, 127.0.0.1,10.0.0.5: their headers are "
    "believed, and nobody else's; JOURNEY_PAGE_TOKENS says what people and groups may see",
    "JOURNEY_PAGE_USER_HEADER": "header in which such a proxy names who it has signed in (X-Forwarded-User)",
    "JOURNEY_PAGE_GROUPS_HEADER": "header in which it names their groups, separated by commas; without it, no groups are read",
    "JOURNEY_PUBLIC_URL": "address under which others reach the page, https://journey.example.com: alerts link to it, and to "
    "a picture where JOURNEY_PAGE_TOKEN is set",
    "JOURNEY_SEGMENT": "file of the mapping of Segment's calls; else the bundled one (schemas/segment.toml)",
    "JOURNEY_WEBHOOKS": "folder of webhook mappings, NAME.toml, besides the bundled ones",
    "JOURNEY_WEBHOOK_NAME_SECRET": "what the provider of webhook NAME (in capitals, _ for -) signs with; several, with "
    "spaces between, while it is changed",
    "JOURNEY_WEBHOOK_NAME_SECRET_FILE": "the same from a file",
    "JOURNEY_WEBHOOK_NAME_URL": "address of webhook NAME as its provider knows it, where that is signed too (Square, HubSpot, Mandrill)",
    "JOURNEY_LOG": "text (default) or json: how workers and the gateway log",
    "JOURNEY_HANDLE_KEY": "64 hex digits: the key that handles are hashed with; else the file handle.key is made. After journey "
    "keys rotate, its successors too, with spaces between",
    "JOURNEY_BRANDS": "separate (default of a new store): a handle is somebody else with each brand; or shared: who is one "
    "person with one brand is so with all. A store keeps what it began with (deploy/docs/guide/privacy.md)",
    "JOURNEY_PHONE_REGION": "country of national phone numbers, by its two letters, and of single brands: FR or FR, nova=DE; "
    "without one they are compared as they are. The same wherever events come in (deploy/docs/guide/events.md)",
    "JOURNEY_SENTIMENT": "languages in which the sentiment of texts is computed, and of single brands: en, or en de, nova=fr, lumiere=off; "
    "the first is that of texts which name none. Nothing is computed without (deploy/docs/guide/sentiment.md)",
    "JOURNEY_HANDLE_KEY_FILE": "the same from a file, such as a secret that is mounted; only one of the two may be set",
    "JOURNEY_READABLE": "kinds of handle that are kept readable, encrypted: user and loyalty of all brands, others of brands that are named: user or "
    "user loyalty, nova=user email (deploy/docs/guide/readable-handles.md); none without. The same wherever events come in",
    "JOURNEY_READABLE_KEY": "64 hex digits: the key that values of readable handles are encrypted under; else the file readable.key is made. While it "
    "is rotated, its successors too, with spaces between",
    "JOURNEY_READABLE_KEY_FILE": "the same from a file, such as a secret that is mounted; only one of the two may be set",
    "JOURNEY_DURABLE": "1: survive power cuts too (fsync of each frame and insert), not only crashes of the process",
    "JOURNEY_ID_WINDOW_DAYS": "days after their arrival for which ids are remembered with their place in the log, up to four million; repeats of others are looked up (7)",
    "JOURNEY_ALERTS": "TOML file of receivers of alerts, and of rules (deploy/docs/guide/alerts-on-advocacy.md); none are told without",
    "JOURNEY_AUDIENCES": "TOML file of audiences, lists of customers that are kept up to date (deploy/docs/guide/audiences.md); none are kept without",
    "JOURNEY_WRITE_KEY": "write key with which `journey listen` sends events (journey keys write create)",
    "JOURNEY_WRITE_KEY_FILE": "the same from a file, such as a secret that is mounted; only one of the two may be set",
    "JOURNEY_MASTODON_TOKEN": "access token of the brand's account on Mastodon, with the scopes read:accounts, read:notifications and read:statuses",
    "JOURNEY_MASTODON_TOKEN_FILE": "the same from a file; only one of the two may be set",
    "JOURNEY_LISTEN_STATE": "directory where `journey listen` keeps how far it has read, and what may be taken back (.journey-listen)",
    "JOURNEY_FAULT": "POINT or POINT:N, for tests: kill the process at a named write boundary",
}


class SettingsError(UserError, ValueError):
    """An error in a setting; the message names it, its value and what is allowed."""


def given() -> dict[str, str]:
    """Return every variable that is set."""
    return dict(os.environ)


def text(variable: str, default: str = "") -> str:
    """Return a variable as it is."""
    return os.environ.get(variable, default)


def put(variable: str, value: str) -> None:
    """Set a variable for this process, for an option of a command that has the same meaning."""
    os.environ[variable] = value


def port(variable: str, default: int) -> int:
    """Return a port, 0 to 65,535."""
    value = text(variable, str(default))
    if not value.isdigit() or int(value) > _HIGHEST_PORT:
        raise SettingsError(f"{variable} = {value!r}: must be a port, 0 to {_HIGHEST_PORT}")
    return int(value)


def path(variable: str) -> Path | None:
    """Return a path, None where the variable is not set."""
    value = text(variable)
    return Path(value) if value else None


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def networks(variable: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return networks, separated by commas."""
    parts = [part.strip() for part in text(variable).split(",") if part.strip()]
    try:
        return tuple(ip_network(part) for part in parts)
    except ValueError as error:
        raise SettingsError(
            f"{variable}: must be networks such as 10.0.0.0/8,192.168.1.5: {error}"
        ) from error


def rate(variable: str, default: float) -> float:
    """Return a number from 0 on."""
    value = text(variable, str(default))
    try:
        found = float(value)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _HIGHEST_RATE:
        raise SettingsError(f"{variable} = {value!r}: must be a number from 0 to {_HIGHEST_RATE:,}")
    return found


def choice(variable: str, allowed: tuple[str, ...], default: str) -> str:
    """Return one of some words."""
    value = text(variable, default)
    if value not in allowed:
        raise SettingsError(f"{variable} = {value!r}: must be one of {', '.join(allowed)}")
    return value


def name(variable: str) -> str:
    """Return a name of letters, digits, dot, dash and underscore, "" for none."""
    value = text(variable)
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", value):
        raise SettingsError(f"{variable} = {value!r}: letters, digits, dot, dash and underscore only")
    return value


def seconds(variable: str, default: float) -> float:
    """Return a number of seconds above 0."""
    value = text(variable, str(default))
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0 < found <= _LONGEST_SECONDS:
        raise SettingsError(
            f"{variable} = {value!r}: must be a number of seconds above 0, at most {_LONGEST_SECONDS}"
        )
    return found


def token(variable: str) -> str:
    """Return a token that is not too short, "" for none."""
    value = text(variable)
    if value and (len(value) < SHORTEST_TOKEN or not value.isascii() or not value.isprintable()):
        raise SettingsError(f"{variable}: must be at least {SHORTEST_TOKEN} printable ASCII characters")
    return value


def url(variable: str) -> str:
    """Return an address of HTTP, "" for none."""
    value = text(variable)
    if value and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", value):
        raise SettingsError(f"{variable} = {value!r}: must be an address such as https://journey.example.com")
    return value


def flag(variable: str) -> bool:
    """Return whether a variable is 1 and not 0."""
    value = text(variable, "0")
    if value not in {"0", "1"}:
        raise SettingsError(f"{variable} = {value!r}: must be 0 or 1")
    return value == "1"


def days(variable: str, default: int) -> timedelta:
    """Return a number of days above 0, a year at most."""
    value = text(variable, str(default))
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0 < found <= _LONGEST_WINDOW:
        raise SettingsError(f"{variable} = {value!r}: must be a number of days above 0, at most 366")
    return timedelta(days=found)
