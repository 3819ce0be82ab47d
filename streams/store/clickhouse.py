"""Wraps ClickHouse's client, as the only module that imports it: one DSN for a server or the engine in this process."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from urllib3.exceptions import HTTPError, MaxRetryError

from journey.errors import UserError
from streams.faults import kill_point
from streams.log.arrow import to_ipc
from streams.settings import Settings, SettingsError
from streams.store.address import DATABASE, Address
from streams.store.client import unbuffered
from streams.store.cluster import OnCluster
from streams.store.confined import engine_options
from streams.store.engine_stand_in import connected_by
from streams.store.port import ALERT_TABLES, TABLES, StoreError
from streams.store.query_settings import (
    CLUSTER_SETTINGS,
    EMBEDDED_INSERT_SETTINGS,
    INSERT_LIMIT_S,
    INSERT_SETTINGS,
    SERVER_SETTINGS,
)
from streams.store.restore import Restoring
from streams.text.printable import message_of

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["DATABASE", "INSERT_SETTINGS", "ClickHouse", "ClickHouseError", "QueryError", "why"]

_CONNECT_S = 5
_ANSWER_S = 300  # of silence; while a query goes on, a server says so at shorter intervals
_INSERT_ANSWER_S = 60
_BAD_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"

# What goes wrong is raised, and told by whoever catches it.
for _name in ("clickhouse_connect", "urllib3.connectionpool"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class QueryError(UserError, RuntimeError):
    """An error of a query that ClickHouse refused; the message is its own."""


class ClickHouse(OnCluster, Restoring):
    """The store behind the engine and the commands.

    A server may be asked from several threads at once; the engine in this process, from one.

    Parameters
    ----------
    dsn
        ``chdb:///folder`` is the engine in this process; its database is made here. A server is
        ``clickhouse://user@host:port/database``, with ``clickhouses://`` for TLS; nothing is made on it.
    password
        Of the server's user; wins over one in the DSN.
    ca
        File of the authority that signed the server's certificate, "" for the system's.
    cluster
        Name of the cluster that the tables are on, "" for a single server.
    limits
        Settings of every request of somebody who only reads, such as READING; nothing is made then. One opened for the
        engine in this process serves another thread than the engine's.
    sources
        Whether statements may read and write files and other hosts, as far as the user of this process may: for the engine
        in this process alone, and for a command that serves nobody else.
    connection
        Stands for chDB's, to the engine in another process (`streams.beside`).

    Attributes
    ----------
    is_elsewhere
        Whether another process answers: this may then be closed while a thread still waits for an answer.

    Raises
    ------
    StoreError
        It cannot be opened; the message says why, without the password.
    SettingsError
        The DSN has another form.
    """

    def __init__(  # noqa: PLR0913 - by name, all but the first
        self,
        dsn: str,
        *,
        password: str = "",
        ca: str = "",
        cluster: str = "",
        limits: Mapping[str, Any] | None = None,
        sources: bool = False,
        connection: Any = None,
    ) -> None:
        self._limits = dict(limits or {})
        self.address: Address | None = None
        self.cluster = cluster
        self.database = DATABASE
        self.is_elsewhere = connection is not None or not dsn.startswith("chdb:")
        if connection is not None:
            self.client: Client = _over(connection)
        elif dsn.startswith("chdb:"):
            try:
                options = None if sources else engine_options()
                self.client = clickhouse_connect.get_client(
                    dsn=dsn, settings=self._limits, chdb_options=options
                )
            except (ClickHouseError, ImportError) as error:
                raise StoreError(f"cannot open the store {dsn}: {error}") from error
            if not limits:
                self.make_database()
        else:
            self.address = Address.read(dsn, password)
            self.database = self.address.database
            self._ca = ca
            self.client = self._connected(_ANSWER_S)
        self.client.database = self.database

    @classmethod
    def of(cls, settings: Settings, limits: Mapping[str, Any] | None = None) -> "ClickHouse":
        """Open the server that the settings name, whatever its tables are."""
        return cls(
            settings.store,
            password=settings.store_password,
            ca=settings.store_ca,
            cluster=settings.cluster,
            limits=limits,
        )

    def _connected(self, answer_s: int) -> "Client":
        address = self.address
        assert address is not None  # noqa: S101 — called for a server only
        if self._ca and not address.tls:
            raise SettingsError("JOURNEY_STORE_CA is for TLS: JOURNEY_STORE must be clickhouses://…")
        try:
            client = clickhouse_connect.get_client(
                interface="https" if address.tls else "http",
                host=address.host,
                port=address.port,
                username=address.user,
                password=address.password,
                ca_cert=self._ca or None,
                connect_timeout=_CONNECT_S,
                send_receive_timeout=answer_s,
                autogenerate_session_id=False,  # a session serves one thread at a time
                dedicated_pool=True,
                client_name="journey",
                settings=SERVER_SETTINGS | (CLUSTER_SETTINGS if self.cluster else {}) | self._limits,
            )
        except (ClickHouseError, HTTPError, OSError) as error:
            raise StoreError(f"JOURNEY_STORE: cannot open {address}: {why(error)}") from error
        if not client.server_settings:
            client.close()
            raise StoreError(f"JOURNEY_STORE: {address} answers without saying anything: is its disk full?")
        return unbuffered(client)

    @cached_property
    def _inserts(self) -> "Client":
        """The connection for inserts: one whose answer does not come in time is given up sooner."""
        if self.address is None:
            return self.client
        client = self._connected(_INSERT_ANSWER_S)
        client.database = self.database
        return client

    @property
    def shared(self) -> bool:
        """Whether others may write to it meanwhile: a server, and no engine in this process."""
        return self.address is not None

    @property
    def insert_settings(self) -> dict[str, Any]:
        """Settings of an insert. On a server it has a time limit, so that the next owner can wait for it to end."""
        limit = {} if self.address is None else {"max_execution_time": INSERT_LIMIT_S}
        return INSERT_SETTINGS | limit

    def make_database(self) -> None:
        """Make the database unless it is there."""
        with kill_point("store.open"):
            self.client.command(self.database_sql, use_database=False)

    def close(self) -> None:
        """Close the connection; the embedded engine is shut down with its last one."""
        if "_inserts" in self.__dict__:
            self._inserts.close()
        self.client.close()

    def make_durable(self) -> None:
        """Have every insert reach the disk before it answers, so that it survives a power cut."""
        with kill_point("store.durable"):
            for table in (*TABLES, *ALERT_TABLES):
                self.client.command(
                    f"ALTER TABLE {self.parts_of(table)}"
                    " MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1"
                )

    @contextmanager
    def merges_held(self) -> Iterator[None]:
        """Leave new parts unmerged meanwhile; merged once, later, they cost a third less. Dies with the process.

        Of a server the merges are not ours to hold.
        """
        if self.address is not None:
            yield
            return
        with kill_point("store.merges"):
            self.client.command("SYSTEM STOP MERGES")
        try:
            yield
        finally:
            with kill_point("store.merges"):
                self.client.command("SYSTEM START MERGES")

    def insert(self, table: str, rows: pa.Table) -> None:
        """Add rows as one atomic block. It is sent once: after a StoreError, read the watermark."""
        names, data = rows.schema.names, to_ipc(rows)
        try:
            with kill_point(f"insert.{table}"):
                if self.address is None:
                    self.client.raw_insert(
                        table, names, data, settings=EMBEDDED_INSERT_SETTINGS, fmt="ArrowStream"
                    )
                else:  # raw_insert would send it again where the connection breaks
                    self._inserts.command(
                        f"INSERT INTO {table} ({', '.join(names)}) FORMAT ArrowStream",
                        data=data,
                        settings=self.insert_settings,
                    )
        except (ClickHouseError, HTTPError, OSError) as error:
            raise StoreError(f"{table} did not take {len(rows)} rows: {why(error)}") from error

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raise QueryError for what ClickHouse refuses, StoreError where there is no answer."""
        try:
            yield
        except (ClickHouseError, HTTPError, OSError) as error:
            if self.address is not None and not _answered(error):
                raise StoreError(f"{self.address} did not answer: {why(error)}") from error
            self._let_go_of_rest()
            raise QueryError(why(error)) from error

    def _let_go_of_rest(self) -> None:
        """Take what chDB had printed of a query before it failed: the next answer would begin with it."""
        if self.address is None:
            with suppress(ClickHouseError):
                self.client.raw_query("SELECT 1", fmt="Null")

    def arrow(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> pa.Table:
        """Run a query and return Arrow columns, strings as strings."""
        with self._asked():
            return self.client.query_arrow(
                sql, parameters=dict(parameters or {}), settings=dict(settings or {}), use_strings=True
            )

    def raw(self, sql: str, fmt: str | None) -> bytes:
        """Run any statement and return what ClickHouse prints in that format; an INSERT prints nothing."""
        with self._asked():
            if sql[:6].upper() == "INSERT":  # its VALUES would swallow the format
                with kill_point("sql.insert"):
                    self.client.command(sql)
                return b""
            return self.client.raw_query(sql, fmt=fmt)

    def stream(
        self, sql: str, fmt: str, parameters: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Iterator[bytes]:
        """Run a query and yield what ClickHouse prints in that format, piece by piece."""
        # A server is to answer once it has all: of an error halfway nothing could be told from the data.
        whole = {} if self.address is None else {"wait_end_of_query": 1}
        with (
            self._asked(),
            self.client.raw_stream(
                sql, parameters=dict(parameters), settings=dict(settings) | whole, fmt=fmt
            ) as source,
        ):
            while chunk := source.read(2**20):
                yield chunk

    def rows(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Run a query and return rows by column name."""
        with self._asked():
            return list(
                self.client.query(
                    sql, parameters=dict(parameters or {}), settings=dict(settings or {})
                ).named_results()
            )

    def query(
        self, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """Run a query and return rows."""
        with self._asked():
            return self.client.query(
                sql, parameters=dict(parameters), settings=dict(settings or {})
            ).result_rows


def _over(connection: Any) -> "Client":
    """Return the client over a connection that stands for chDB's."""
    with connected_by(lambda _path: connection):
        return clickhouse_connect.get_client(dsn="chdb:///elsewhere")


def _answered(error: Exception) -> bool:
    """Whether ClickHouse itself raised the error: the client's own come from its HTTP library."""
    return isinstance(error, ClickHouseError) and not isinstance(error.__cause__, HTTPError)


def why(error: Exception) -> str:
    """Return what went wrong, without what the client puts around it."""
    cause: BaseException = error if _answered(error) else error.__cause__ or error
    if isinstance(cause, MaxRetryError) and cause.reason is not None:
        cause = cause.reason
    text = message_of(cause)
    if _BAD_CERTIFICATE in text:
        text += "; JOURNEY_STORE_CA must be the file of the authority that signed the server's certificate"
    text = re.sub(r"^Received ClickHouse exception, code: \d+, server response: ", "", text)
    text = re.sub(r"^HTTPS?Connection(Pool)?\([^)]*\): ", "", text)
    return re.sub(r"( \(version [^()]*(\([^()]*\))?\))?( \(for url [^)]*\))?$", "", text)
