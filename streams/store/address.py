"""Parses the DSN of a ClickHouse server strictly, and formats it without the password."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from streams.settings import SettingsError

__all__ = ["DATABASE", "Address"]

DATABASE = "journey"
_TLS = {"clickhouse": False, "http": False, "clickhouses": True, "https": True}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_FORM = "must be clickhouse://user@host:8123/journey, or clickhouses://… for TLS"


@dataclass(frozen=True, slots=True)
class Address:
    """A server, its user and the database. As text it is the DSN without the password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: bool

    @classmethod
    def read(cls, dsn: str, password: str = "") -> "Address":
        """Parse a DSN; `password` wins over the DSN's own.

        Raises
        ------
        SettingsError
            The DSN has another form; the message does not repeat it, since it may hold a password.
        """
        try:
            parts = urlsplit(dsn)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"JOURNEY_STORE: {_FORM}; its port is no number up to 65535") from error
        if parts.scheme not in _TLS or not parts.hostname:
            raise SettingsError(f"JOURNEY_STORE: {_FORM}; it names no host")
        if parts.query or parts.fragment:
            raise SettingsError(f"JOURNEY_STORE: {_FORM}; options after ? or # are not taken")
        tls = _TLS[parts.scheme]
        return cls(
            host=parts.hostname,
            port=port or (8443 if tls else 8123),
            user=unquote(parts.username or "default"),
            password=password or unquote(parts.password or ""),
            database=_database(parts),
            tls=tls,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"clickhouse{'s' if self.tls else ''}://{self.user}@{host}:{self.port}/{self.database}"


def _database(parts: SplitResult) -> str:
    name = unquote(parts.path.strip("/")) or DATABASE
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"JOURNEY_STORE: {name!r} is no name of a database: letters, digits and underscore, no digit first"
        )
    return name
