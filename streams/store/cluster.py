"""Rewrites the SQL of one server's tables for a cluster: replicated, sharded, joined as a whole.

A table that is written for a partition of the log becomes two: `<table>_local`, which holds a shard's part, and the
table itself, which reaches all shards. Rows go to the shard that `_partition` names, and not to that of a handle or
customer: a batch adds one block to each table and partition, and an insert is atomic on one shard only, so a
partition's rows must not be spread for max(_offset) to be its watermark. Related rows are on one shard all the same:
a partition is a handle's id (or a customer's) modulo their number, so a handle's interactions and evidence are on one
shard, and so are a customer's announcements. Rows of identity_map are where they were written, those of identity all
on the shard of its one partition; the view customers takes the newest from all shards.

Small tables, which views and fences read in full, are replicated in full to every node.

Views ask all shards. A join or IN whose right side is on all shards too would be made on each shard with that shard's
view of it, so it is made GLOBAL: the right side is computed once and sent along.
"""

import re

__all__ = ["COMMENTS", "EVERYWHERE", "VIEW", "OnCluster", "clustered", "local"]

# Whole on every server: what views weigh by, what people write, the book, the fences, the write keys.
EVERYWHERE = frozenset(
    {
        "dead_letter_drops",
        "alert_deliveries",
        "alert_figures",
        "alert_marks",
        "alerts",
        "announced_numbers",
        "audience_changes",
        "carried_evidence",
        "carried_handles",
        "carried_links",
        "carried_minutes",
        "carried_touches",
        "dead_letter_replays",
        "erasing",
        "erasure_steps",
        "erasures",
        "erased_handles",
        "expired_events",
        "expiries",
        "feed_positions",
        "fences",
        "handle_keys",
        "handle_rules",
        "kept_marks",
        "kept_paths",
        "migrations",
        "model_changes",
        "model_stages",
        "model_weights",
        "models",
        "retention",
        "targets",
        "write_keys",
    }
)
_TABLE = re.compile(
    r"CREATE TABLE (?P<exists>IF NOT EXISTS )?(?P<name>\w+)\n\((?P<columns>.*?)\n\)\n"
    r"ENGINE = (?P<engine>\w*MergeTree)(?:\((?P<arguments>[^)]*)\))?(?P<keys> ORDER BY .*?)\n(?P<comment>COMMENT '.*')",
    re.DOTALL,
)
VIEW = re.compile(r"CREATE VIEW (IF NOT EXISTS )?(?P<name>\w+)\n")
COMMENTS = re.compile(r"ALTER TABLE (?P<name>\w+)\n(?=\s+COMMENT COLUMN )")
_ADD = re.compile(r"ALTER TABLE (\w+)\n(?=\s+ADD COLUMN )")
# Of the table that has the rows.
_OF_ROWS = re.compile(
    r"ALTER TABLE (?P<name>\w+)\n(?=\s+(?:(?:ADD|MATERIALIZE) (?:PROJECTION|INDEX)|MODIFY SETTING|APPLY DELETED) )"
)
_JOIN = re.compile(r"(?<!ASOF )\b(?=(?:ASOF )?(?:INNER|LEFT|FULL OUTER|CROSS) JOIN\b)")
_IN = re.compile(r"\b(NOT )?IN (?=\(SELECT\b)")


def local(table: str) -> str:
    """Return the name of the table that holds the rows on each server of a cluster.

    >>> local("evidence"), local("models")
    ('evidence_local', 'models')
    """
    return table if table in EVERYWHERE else f"{table}_local"


class OnCluster:
    """The SQL by which statements reach the tables of a database: those of one server, or with `cluster` all of its."""

    cluster: str
    database: str

    @property
    def on_cluster(self) -> str:
        """What a statement needs to reach every server of the cluster; empty without one."""
        return f" ON CLUSTER '{self.cluster}'" if self.cluster else ""

    def parts_of(self, table: str) -> str:
        """Return what ALTER is given to reach a table's rows: on a cluster, its parts on every server."""
        return f"{local(table)}{self.on_cluster}" if self.cluster else table

    def everywhere(self, table: str) -> str:
        """Return the name under which a system table of every server is read."""
        return f"clusterAllReplicas('{self.cluster}', {table})" if self.cluster else table

    @property
    def database_sql(self) -> str:
        """The statement that makes the database unless it is there."""
        return f"CREATE DATABASE IF NOT EXISTS {self.database}{self.on_cluster}"


def clustered(sql: str, cluster: str, database: str) -> list[str]:
    """Return the statements that do on every server of a cluster what one of ours does on a single server.

    Raises
    ------
    ValueError
        A statement of another form than those of `schemas/migrations`.
    """
    on = f"ON CLUSTER '{cluster}'"
    if found := _TABLE.fullmatch(sql):
        if found["name"] in EVERYWHERE:
            return [_replicated(found, on, found["name"], "all", "{shard}-{replica}")]
        return [
            _replicated(found, on, f"{found['name']}_local", "{shard}", "{replica}"),
            _distributed(found, on, cluster, database),
        ]
    if VIEW.match(sql):
        made = VIEW.sub(rf"CREATE VIEW \1\2 {on}\n", sql, count=1)
        return [_IN.sub(r"GLOBAL \1IN ", _JOIN.sub("GLOBAL ", made))]
    if found := _ADD.match(sql):
        names = dict.fromkeys((local(found[1]), found[1]))  # first where rows are, then what reaches them
        return [_ADD.sub(rf"ALTER TABLE {name} {on}\n", sql, count=1) for name in names]
    for form, name in ((COMMENTS, lambda table: table), (_OF_ROWS, local)):
        if found := form.match(sql):
            return [form.sub(rf"ALTER TABLE {name(found['name'])} {on}\n", sql, count=1)]
    raise ValueError(f"no rule to make this statement for a cluster: {sql[:80]}")


def _replicated(found: re.Match[str], on: str, name: str, shard: str, replica: str) -> str:
    place = f"'/clickhouse/tables/{shard}/{{database}}/{found['name']}', '{replica}'"
    arguments = ", ".join(filter(None, [place, found["arguments"]]))
    return (
        f"CREATE TABLE {found['exists'] or ''}{name} {on}\n({found['columns']}\n)\n"
        f"ENGINE = Replicated{found['engine']}({arguments}){found['keys']}\n{found['comment']}"
    )


def _distributed(found: re.Match[str], on: str, cluster: str, database: str) -> str:
    lines = [line for line in found["columns"].split("\n") if not line.lstrip().startswith("INDEX ")]
    columns = "\n".join(lines).removesuffix(",")
    return (
        f"CREATE TABLE {found['exists'] or ''}{found['name']} {on}\n({columns}\n)\n"
        f"ENGINE = Distributed('{cluster}', '{database}', '{found['name']}_local', _partition)\n{found['comment']}"
    )
