"""A ClickHouse server with the configuration of deploy/clickhouse, moved to free ports and a folder of its own."""

import os
from pathlib import Path
from unittest.mock import patch

from tests.fixtures.servers.clickhouse import PROFILES, ClickHouse

__all__ = ["DEPLOY", "DOCS", "PASSWORDS", "Deployed"]

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCS = DEPLOY / "docs"
PASSWORDS = {
    "journey": "of-the-engine",
    "analyst": "of-the-analysts",
    "watcher": "of-the-watcher",
    "page": "of-the-page",
}

# What the image's own files have: config.xml, config.d/docker_related_config.xml, users.xml.
_IMAGE = """\
<clickhouse>
    <logger><level>trace</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
    <listen_host>127.0.0.1</listen_host>
    <listen_host>127.0.0.2</listen_host>
    <http_port>{http}</http_port>
    <tcp_port>{tcp}</tcp_port>
    <mysql_port>{mysql}</mysql_port>
    <postgresql_port>{postgresql}</postgresql_port>
    <path>{data}/</path>
    <tmp_path>{data}/tmp/</tmp_path>
    <user_files_path>{data}/user_files/</user_files_path>
    <users_config>users.xml</users_config>
    <query_log><database>system</database><table>query_log</table></query_log>
    <trace_log><database>system</database><table>trace_log</table></trace_log>
</clickhouse>
"""
_IMAGE_USERS = """\
<clickhouse>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <users>
        <default>
            <password></password>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
        </default>
    </users>
</clickhouse>
"""
_LIBRARY = f"<clickhouse>{PROFILES}</clickhouse>"


class Deployed(ClickHouse):
    """As `ClickHouse`; `dsn` is of the user journey, and backups go to `backups`."""

    def __init__(self) -> None:
        super().__init__(users={"journey": PASSWORDS["journey"]})
        self.backups = self.folder / "backups"
        self.backups.mkdir()

    def _prepare(self) -> None:
        mysql, postgresql = self.http_port + 1, self.http_port + 2
        base = _IMAGE.format(
            folder=self.folder,
            data=self.data,
            http=self.http_port,
            tcp=self.tcp_port,
            mysql=mysql,
            postgresql=postgresql,
        )
        (self.folder / "config.xml").write_text(base)
        (self.folder / "users.xml").write_text(_IMAGE_USERS)
        for part in ("config.d", "users.d"):
            (self.folder / part).mkdir()
            text = (DEPLOY / "clickhouse" / part / "journey.xml").read_text()
            (self.folder / part / "journey.xml").write_text(
                text.replace("/var/lib/clickhouse/backups/", f"{self.backups}/")
            )
        (self.folder / "users.d" / "library.xml").write_text(_LIBRARY)

    def start(self) -> None:
        """Start with the passwords in the environment."""
        environment = {f"CLICKHOUSE_{name.upper()}_PASSWORD": word for name, word in PASSWORDS.items()}
        with patch.dict(os.environ, environment):
            super().start()

    def fresh_database(self) -> str:
        """Return the DSN of the one database that the user journey has; drop what was in it."""
        return self.dsn

    @property
    def log(self) -> str:
        """End of what the server printed."""
        return self._process.tail(100_000)
