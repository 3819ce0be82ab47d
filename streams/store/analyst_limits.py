"""Bounds the settings of a server's read-only users, analysts: each may go from a least to a most.

A limit of 0 is none to ClickHouse, so each has a least of 1. The same bounds are in
deploy/clickhouse/users.d/journey.xml for the user analyst.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BOUNDS", "FIXED", "QUOTA", "SHARED_QUOTA", "UNCHANGED", "Bound", "as_sql", "quota_as_sql"]


@dataclass(frozen=True, slots=True)
class Bound:
    """A setting that may be from 1 to `most`; `value` unless a query says otherwise, None for the server's own."""

    most: int
    value: int | None = None


BOUNDS: Mapping[str, Bound] = {
    # seconds, bytes, threads
    "max_execution_time": Bound(600, 120),
    "max_memory_usage": Bound(4_000_000_000, 4_000_000_000),
    "max_memory_usage_for_user": Bound(8_000_000_000, 8_000_000_000),
    "max_temporary_data_on_disk_size_for_query": Bound(20_000_000_000, 20_000_000_000),
    "max_temporary_data_on_disk_size_for_user": Bound(40_000_000_000, 40_000_000_000),
    "max_untracked_memory": Bound(4_194_304),  # what a thread takes before anybody counts it
    "max_threads": Bound(32),
    # size of a statement, and of what it is made into
    "max_query_size": Bound(1_048_576),
    "max_parser_depth": Bound(1_000),
    "max_parser_backtracks": Bound(1_000_000),
    "max_ast_depth": Bound(1_000),
    "max_ast_elements": Bound(50_000),
    "max_expanded_ast_elements": Bound(500_000),
    "max_subquery_depth": Bound(100),
    "max_recursive_cte_evaluation_depth": Bound(1_000),
    # work that is not interrupted: a query is looked at between two blocks
    "max_block_size": Bound(65_536),
    "function_range_max_elements_in_block": Bound(500_000_000),
    "function_sleep_max_microseconds_per_block": Bound(3_000_000),
    "max_hyperscan_regexp_length": Bound(1_000, 1_000),
    "max_hyperscan_regexp_total_length": Bound(10_000, 10_000),
}

FIXED: Mapping[str, str] = {
    "readonly": "2",
    "max_concurrent_queries_for_user": "10",
    # queries are logged in full, and cost no more to watch than the administrator wants
    "log_queries": "1",
    "log_queries_min_type": "QUERY_START",
    "log_queries_min_query_duration_ms": "0",
    "log_queries_probability": "1",
    "send_logs_level": "fatal",
    "trace_profile_events": "0",
    "opentelemetry_start_trace_probability": "0",
    "memory_profiler_sample_probability": "0",
    # nothing but tables is reached, and no answer of another user
    "allow_introspection_functions": "0",
    "output_format_schema": "",
    "query_cache_share_between_users": "0",
    "reject_expensive_hyperscan_regexps": "1",
}
"""Settings that stay as they are."""

UNCHANGED = (
    "max_concurrent_queries_for_all_users",
    "memory_overcommit_ratio_denominator",
    "memory_overcommit_ratio_denominator_for_user",
    "memory_usage_overcommit_max_wait_microseconds",
    "memory_profiler_step",
    "query_profiler_cpu_time_period_ns",
    "query_profiler_real_time_period_ns",
    "os_threads_nice_value_query",
    "priority",
)
"""Settings that stay as the server has them."""

QUOTA: Mapping[str, int] = {
    "queries": 20_000,
    "errors": 2_000,
    "execution_time": 7_200,
    "read_rows": 100_000_000_000,
}
"""What a user may have in an hour, whatever becomes of settings. Seconds end a query that gives rows, and the next of
one that gives none; rows that are read end any."""

SHARED_QUOTA: Mapping[str, int] = {"execution_time": 6_000, "read_rows": 100_000_000_000}
"""Of ten minutes, for the user analyst, whom many share: as much as ten queries at a time can use."""


def as_sql() -> str:
    """Return settings and constraints as CREATE SETTINGS PROFILE takes them."""
    bounded = (
        f"{name}{'' if bound.value is None else f' = {bound.value}'} MIN 1 MAX {bound.most}"
        for name, bound in BOUNDS.items()
    )
    fixed = (f"{name} = '{value}' READONLY" for name, value in FIXED.items())
    return ", ".join((*bounded, *fixed, *(f"{name} READONLY" for name in UNCHANGED)))


def quota_as_sql() -> str:
    """Return the quota as CREATE QUOTA takes it."""
    most = ", ".join(f"{name} = {value}" for name, value in QUOTA.items())
    return f"KEYED BY user_name FOR INTERVAL 1 hour MAX {most}"
