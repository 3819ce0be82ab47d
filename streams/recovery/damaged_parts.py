"""Sets aside damaged parts of tables when a data directory is opened, however many, and reports them by name."""

from collections.abc import Collection

from streams.faults import kill_point
from streams.store.clickhouse import ClickHouse
from streams.store.port import TABLES

__all__ = ["bear", "broken_parts", "drop_broken", "warnings"]

_BROKEN = "database = currentDatabase() AND startsWith(reason, 'broken')"


def bear(store: ClickHouse) -> None:
    """Have the tables that grow open whatever part of them is damaged: ClickHouse would refuse where it is much."""
    tables = store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {tables:Array(String)}"
        " AND position(engine_full, 'max_suspicious_broken_parts') = 0",
        {"tables": list(TABLES)},
    )
    for row in tables:
        with kill_point("store.damage"):
            store.client.command(
                f"ALTER TABLE {row['name']} MODIFY SETTING max_suspicious_broken_parts = 1000000000,"
                " max_suspicious_broken_parts_bytes = 1000000000000000"
            )


def broken_parts(store: ClickHouse) -> dict[str, list[str]]:
    """Return the parts that were set aside as broken, by table; not those whose rows another part has."""
    rows = store.rows(
        f"""
        SELECT table, arraySort(groupArray(name)) AS parts FROM system.detached_parts AS d
        LEFT JOIN
        (
            SELECT table, groupArray((min_block_number, max_block_number)) AS ranges FROM system.parts
            WHERE active AND database = currentDatabase() GROUP BY table
        ) AS p ON p.table = d.table
        WHERE {_BROKEN}
            AND NOT arrayExists(r -> r.1 <= ifNull(d.min_block_number, -1) AND r.2 >= ifNull(d.max_block_number, -1), p.ranges)
        GROUP BY table ORDER BY table
        """
    )
    return {str(row["table"]): [str(part) for part in row["parts"]] for row in rows}


# What stands in a table that nothing else tells of, and what its loss means.
_MEANS = {
    "erased_handles": "customers who were forgotten, or denied consent, may be taken again: give those commands again",
    "erasures": "the books lack what was erased on purpose: do not send that again",
    "readable_handles": "some values of readable handles are gone: each is kept again from the next event with it",
    "targets": "targets that were set are gone: set them again",
}
_WAY_OUT = "journey rebuild --write-off deletes what is left of it, and ends this line"


def warnings(store: ClickHouse, known: Collection[str], rebuilt: Collection[str]) -> list[str]:
    """Return a line for each table with a part that was set aside as broken, but for tables whose loss is known otherwise."""
    return [
        f"a part of the table {table} was damaged and is set aside ({', '.join(parts)}): "
        + (
            f"run journey rebuild {table}"
            if table in rebuilt
            else f"{_MEANS.get(table, 'what it had may be missing')}; {_WAY_OUT}"
        )
        for table, parts in broken_parts(store).items()
        if table not in known
    ]


def drop_broken(store: ClickHouse) -> int:
    """Delete the parts that were set aside as broken; return how many."""
    found = [(table, part) for table, parts in broken_parts(store).items() for part in parts]
    for table, part in found:
        with kill_point("store.damage"):
            store.client.command(
                f"ALTER TABLE {table} DROP DETACHED PART '{part}'", settings={"allow_drop_detached": 1}
            )
    return len(found)
