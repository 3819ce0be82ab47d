"""Two servers as two shards of one cluster, with the tables of one: ON CLUSTER and replication are left out.

The engine's library runs no distributed DDL and serves no replicas, so each statement is run on each server, and its
tables are plain ones. Reading and writing through Distributed tables is the real thing.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from streams.store import migrations
from streams.store.clickhouse import ClickHouse
from streams.store.cluster import clustered
from tests.fixtures.servers import clickhouse as servers

NAME = "main"
_REPLICATED = re.compile(r"ENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, )?")


def statements() -> list[str]:
    """Return the SQL of a cluster's tables and views, in order."""
    return [sql for m in migrations.migrations() for sql in clustered(m.sql, NAME, "journey")]


def on_one_server(sql: str) -> str:
    """Return a statement of a cluster as one of its servers can run it by itself."""
    return _REPLICATED.sub(r"ENGINE = \1(", sql.replace(f" ON CLUSTER '{NAME}'", ""))


class Shard(servers.ClickHouse):
    """A server that knows the shards of the cluster by the ports of their native protocol."""

    ports: tuple[int, ...] = ()

    def _prepare(self) -> None:
        super()._prepare()
        config = self.folder / "config.xml"
        shards = "".join(
            f"<shard><replica><host>127.0.0.1</host><port>{port}</port></replica></shard>"
            for port in self.ports
        )
        remote = f"<remote_servers><{NAME}>{shards}</{NAME}></remote_servers>"
        config.write_text(config.read_text().replace("</clickhouse>", f"{remote}</clickhouse>"))


@contextmanager
def two_shards() -> Iterator[list[ClickHouse]]:
    """Start two servers with the tables of a cluster and give a store on each."""
    with ExitStack() as stack:
        shards = [Shard(), Shard()]
        for shard in shards:
            shard.ports = tuple(other.tcp_port for other in shards)
            stack.enter_context(shard)
        stores = [stack.enter_context(closing(ClickHouse(shard.dsn, cluster=NAME))) for shard in shards]
        for store in stores:
            store.client.command("CREATE DATABASE journey", use_database=False)
            for sql in migrations.plan(store.client, NAME):
                store.client.command(on_one_server(sql))
            book = [[m.name, m.statement, m.checksum, NAME] for m in migrations.migrations()]
            store.client.insert("migrations", book, ["name", "statement", "checksum", "cluster"])
        yield stores
