"""Lists ClickHouse settings of requests: those that exactly once depends on, and those of read-only queries."""

from typing import Any

__all__ = [
    "CLUSTER_SETTINGS",
    "EMBEDDED_INSERT_SETTINGS",
    "INSERT_LIMIT_S",
    "INSERT_SETTINGS",
    "READING",
    "SERVER_SETTINGS",
]

INSERT_LIMIT_S = 30  # that an insert may take on a server; then it is ended there

# A batch is one block in one part, and an insert has ended when it answers.
INSERT_SETTINGS: dict[str, Any] = {
    "async_insert": 0,
    "max_insert_block_size": 1_048_576,
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1_073_741_824,
    "input_format_parallel_parsing": 0,
    "materialize_statistics_on_insert": 0,  # merges make them
    "optimize_on_insert": 0,  # a batch has each key once: there is nothing to fold
}

# The engine in this process does not notice when a disk fills up while it writes a part (chDB 26.9 acknowledges the
# insert, and the rows are gone), so it must not begin where a batch may not fit.
EMBEDDED_INSERT_SETTINGS = INSERT_SETTINGS | {"min_free_disk_bytes_to_perform_insert": 256 * 2**20}

# On every server. ClickHouse 26.7 loses the columns of joins whose order it changes (LOGICAL_ERROR, "Left and right
# columns have same names", for the view influencers). From 26.1 to 26.7 (ClickHouse issue 113942) min and max of times are compiled
# when a query comes for the fourth time, and then take what was before 1970 for the latest.
SERVER_SETTINGS: dict[str, Any] = {
    "query_plan_optimize_join_order_limit": 0,
    "compile_aggregate_expressions": 0,
}

# On a cluster, for every request. An insert has ended when its shard has it, on most replicas, so no answer is lost
# with one of them; and a read sees every insert that has ended, whichever replica answers, or fails: a watermark or
# fence that is out of date would have a batch written twice. The price is that two inserts into one table of one shard
# cannot go on at once: the later one is refused, and tried again.
# Blocks are not dropped for having the content of an earlier one: watermarks see to repeats, and a model that is
# applied again writes the same rows again.
CLUSTER_SETTINGS: dict[str, Any] = {
    "distributed_foreground_insert": 1,
    "insert_quorum": "auto",
    "insert_quorum_parallel": 0,
    "insert_quorum_timeout": 1000 * INSERT_LIMIT_S,
    "select_sequential_consistency": 1,
    "insert_deduplicate": 0,
    "deduplicate_insert": "disable",
    "deduplicate_insert_select": "disable",
    "distributed_product_mode": "global",  # joins of two distributed tables: see streams.store.cluster
}

# Of people who look: nothing is written, whatever is asked, and nobody holds up the engine for long.
READING: dict[str, Any] = {
    "readonly": 2,
    "max_execution_time": 20,
    "max_memory_usage": 2 * 2**30,
    "max_result_rows": 1_000_001,
    "max_result_bytes": 256 * 2**20,
    "result_overflow_mode": "throw",
}
