"""A ClickHouse server: its HTTP and native protocols, served from ClickHouse's library in a process of its own."""

import http.client
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

import clickhouse_connect

from tests.servers.certificates import make_certificates
from tests.servers.downloads import clickhouse_library
from tests.servers.process import Process, free_port, listens
from tests.servers.server import Server

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["PROFILES", "ClickHouse", "ClickHouseAddress"]

_ENGINE = Path(__file__).with_name("engine.py")
_FRONT = Path(__file__).with_name("front.py")
_PYTHON = [sys.executable, "-I", "-S"]
_CONFIG = """\
<clickhouse>
    <logger><log>{folder}/clickhouse.log</log><errorlog>{folder}/errors.log</errorlog></logger>
    <listen_host>127.0.0.1</listen_host>
    <http_port>{http}</http_port>
    <tcp_port>{tcp}</tcp_port>
    <path>{data}/</path>
    <tmp_path>{data}/tmp/</tmp_path>
    <max_server_memory_usage>2000000000</max_server_memory_usage>
    <users_config>{folder}/users.xml</users_config>
    <query_log>
        <database>system</database>
        <table>query_log</table>
        <flush_interval_milliseconds>500</flush_interval_milliseconds>
    </query_log>
    {more}
</clickhouse>
"""
# What the library sets otherwise than a server does.
PROFILES = """\
    <profiles><default>
        <implicit_select>0</implicit_select>
        <allow_introspection_functions>0</allow_introspection_functions>
        <storage_file_read_method>pread</storage_file_read_method>
        <output_format_arrow_use_native_writer>1</output_format_arrow_use_native_writer>
    </default></profiles>
"""
_USERS = f"""\
<clickhouse>
{PROFILES}
    <quotas><default/></quotas>
    <users>{{users}}</users>
</clickhouse>
"""
_USER = (
    "<{name}><password>{password}</password><networks><ip>{network}</ip></networks>"
    "<profile>default</profile><quota>default</quota></{name}>"
)
# The library serves while a query runs: this one does nothing and does not end.
_SERVE = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP;"
    " SELECT sleepEachRow(3) FROM system.numbers FORMAT Null"
    " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0"
)


class ClickHouseAddress:
    """A server that somebody else started; `dsn` is what clients are given."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self._fresh: list[str] = []

    def in_database(self, database: str) -> str:
        """Return the DSN of a database."""
        return urlsplit(self.dsn)._replace(path=f"/{database}").geturl()

    def fresh_database(self) -> str:
        """Return the DSN of a database that nobody has used, so that tests can share the server; it is not made."""
        self._fresh.append(f"journey_{uuid.uuid4().hex[:12]}")
        return self.in_database(self._fresh[-1])

    def client(self, database: str = "default", **options: Any) -> "Client":
        """Connect as the DSN's user; the caller closes it."""
        return clickhouse_connect.get_client(dsn=self.in_database(database), **options)

    def drop_fresh(self) -> None:
        """Drop every database of `fresh_database`."""
        client = self.client()
        try:
            while self._fresh:
                client.command(f"DROP DATABASE IF EXISTS {self._fresh.pop()} SYNC")
        finally:
            client.close()


class ClickHouse(Server, ClickHouseAddress):
    """A server of its own, with the HTTP protocol on `http_port` and the native one on `tcp_port`.

    `users` is passwords by name, and `dsn` is of the first; without any there is `default` without a password. With
    `secured=True`, `tls_dsn` is of an HTTPS port in front (this build of ClickHouse speaks no TLS itself), whose
    certificate `certificates` has the authority of. `config`, set before the start, is more of the server's
    configuration as XML; `more_users`, too, is more of its users.

    Two differences from a server as installed: statements ON CLUSTER are not run, and a write that the system refuses
    half-way goes unnoticed. A disk that is full before an insert is noticed (NOT_ENOUGH_SPACE).
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        users: Mapping[str, str] | None = None,
        secured: bool = False,
        disk_mb: int | None = None,
    ) -> None:
        self._library = clickhouse_library()
        Server.__init__(self, "ClickHouse", folder, disk_mb)
        self.http_port, self.tcp_port = free_port(), free_port()
        self.config = ""
        self.users = dict(users or {"default": ""})
        self.more_users = ""
        name, password = next(iter(self.users.items()))
        login = f"{name}:{quote(password, safe='')}" if password else name
        ClickHouseAddress.__init__(self, f"clickhouse://{login}@127.0.0.1:{self.http_port}/journey")
        self.https_port = free_port() if secured else None
        self.tls_dsn = f"clickhouses://{login}@127.0.0.1:{self.https_port}/journey" if secured else None
        self.certificates = make_certificates(self.folder / "certificates") if secured else None
        self._front = Process("the TLS front", self.folder / "front.log")

    def _prepare(self) -> None:
        users = [_user(name, password) for name, password in self.users.items()] + [self.more_users]
        if "default" not in self.users:
            users.append(_user("default", "", network="::1"))  # the library itself; nothing listens there
        (self.folder / "users.xml").write_text(_USERS.format(users="".join(users)))
        (self.folder / "config.xml").write_text(
            _CONFIG.format(
                folder=self.folder,
                data=self.data,
                http=self.http_port,
                tcp=self.tcp_port,
                more=self.config,
            )
        )

    def _command(self) -> list[str]:
        config = self.folder / "config.xml"
        arguments = [
            "--multiquery",
            "--log-level=information",
            "--config-file",
            str(config),
            "--query",
            _SERVE,
        ]
        return [*_PYTHON, str(_ENGINE), str(self._library), *arguments]

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().read() == b"Ok.\n"
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self) -> None:
        """Start and wait until it answers /ping; after `kill` or `stop`, on the same ports with the same data."""
        super().start()
        port, files = self.https_port, self.certificates
        if port is not None and files is not None and not self._front.running:
            words = [str(port), str(self.http_port), str(files.server), str(files.server_key)]
            self._front.start([*_PYTHON, str(_FRONT), *words], lambda: listens(port))

    def close(self) -> None:
        """Kill the processes and remove the folder."""
        self._front.kill()
        super().close()

    @property
    def log(self) -> str:
        """End of the server's log, at most 100,000 characters."""
        return (self.folder / "clickhouse.log").read_text(errors="replace")[-100_000:]


def _user(name: str, password: str, network: str = "127.0.0.1") -> str:
    return _USER.format(name=name, password=escape(password), network=network)
