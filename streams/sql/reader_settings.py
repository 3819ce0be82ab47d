"""Lists the settings that a reader may send with a query: limits to lower, what changes answers, what is ignored.

A setting in none of these tables is refused. A setting that changes how a statement is parsed has no place here: a
statement is judged under the engine's own settings, and then run under the reader's.
"""

import re
from collections.abc import Mapping

from streams.read_only.refusals import RefusedSettingError, code_of

__all__ = ["FILTERS", "LIMITS", "UNIONS", "chosen", "is_for_readers", "may_be_sent"]

LIMITS: Mapping[str, int] = {
    "max_execution_time": 30,
    "max_memory_usage": 1_000_000_000,
    "max_result_bytes": 64_000_000,
    "max_result_rows": 1_000_000,
    "max_threads": 2,
    "max_block_size": 16_384,  # a query is looked at between two blocks: smaller ones end sooner
    "max_query_size": 2_000_000,  # the text that runs is ClickHouse's own formatting, longer than the one that was sent
    "max_ast_elements": 50_000,
    "max_expanded_ast_elements": 100_000,
    "function_range_max_elements_in_block": 10_000_000,
    "max_hyperscan_regexp_length": 1_000,
    "max_hyperscan_regexp_total_length": 10_000,
}
"""What each query has, in seconds, bytes, rows or elements."""

_MOST: Mapping[str, int] = {
    **LIMITS,
    "max_execution_time": 120,
}  # drivers of Go ask for what they wait themselves
_FREE_LIMITS = frozenset(
    """max_rows_to_read max_bytes_to_read max_rows_to_group_by max_rows_to_sort max_bytes_to_sort max_rows_in_set
    max_bytes_in_set max_rows_in_join max_bytes_in_join max_rows_in_distinct max_bytes_in_distinct
    max_columns_to_read""".split()  # noqa: SIM905 - names, to be read
)
"""Limits that a query is without, unless it sets them."""

FILTERS = frozenset({"additional_table_filters", "additional_result_filter"})
"""Settings whose values are expressions, judged like those of a statement."""

UNIONS = frozenset({"union_default_mode", "intersect_default_mode", "except_default_mode"})
"""Settings without which the engine does not say what a statement is that leaves them open."""

_ANSWERS = UNIONS | frozenset(
    """session_timezone use_client_time_zone date_time_output_format date_time_input_format
    date_time_overflow_behavior date_time_64_output_format_cut_trailing_zeros_align_to_groups_of_thousands
    interval_output_format bool_true_representation bool_false_representation cast_keep_nullable
    cast_ipv4_ipv6_default_on_conversion_error formatdatetime_f_prints_single_zero
    formatdatetime_parsedatetime_m_is_month_name formatdatetime_format_without_leading_zeros
    join_use_nulls join_default_strictness any_join_distinct_right_table_keys join_any_take_last_row join_algorithm
    joined_subquery_requires_alias
    aggregate_functions_null_for_empty group_by_use_nulls transform_null_in totals_mode totals_auto_threshold extremes
    empty_result_for_aggregation_by_empty_set count_distinct_implementation data_type_default_nullable
    decimal_check_overflow enable_unaligned_array_join enable_positional_arguments prefer_column_name_to_alias
    asterisk_include_alias_columns asterisk_include_materialized_columns short_circuit_function_evaluation
    describe_compact_output final limit offset
    timeout_overflow_mode result_overflow_mode read_overflow_mode group_by_overflow_mode sort_overflow_mode
    set_overflow_mode join_overflow_mode distinct_overflow_mode
    format_csv_delimiter format_csv_null_representation format_tsv_null_representation format_custom_escaping_rule
    format_custom_field_delimiter format_custom_result_after_delimiter format_custom_result_before_delimiter
    format_custom_row_after_delimiter format_custom_row_before_delimiter format_custom_row_between_delimiter
    format_json_object_each_row_column_for_object_name""".split()  # noqa: SIM905 - names, to be read
)
_OUTPUT = "output_format_"
_NOT_OUTPUT = re.compile(
    # They name files and services, take memory of their own, or are of formats that need a file of a schema.
    r"output_format_(schema|avro_confluent_subject|image_\w+|compression_\w+|parquet_\w*size\w*|parquet_bloom\w+"
    r"|orc_\w*(size|stride)|avro_(rows_in_file|sync_interval)|sql_insert_max_batch_size|pretty_squash_\w+)"
)
_PASSED_OVER = frozenset(
    """user password database query query_id default_format session_id session_timeout session_check close_session
    quota_key role compress decompress buffer_size wait_end_of_query client_protocol_version stacktrace
    enable_http_compression send_progress_in_http_headers add_http_cors_header send_profile_events send_logs_level
    cancel_http_readonly_queries_on_client_close log_queries log_comment log_profile_events log_query_threads
    connect_timeout receive_timeout send_timeout network_compression_method network_zstd_compression_level priority
    load_balancing prefer_localhost_replica allow_experimental_json_type enable_json_type
    allow_experimental_dynamic_type enable_dynamic_type allow_experimental_variant_type enable_variant_type
    allow_experimental_object_type async_insert wait_for_async_insert async_insert_deduplicate mutations_sync
    alter_sync select_sequential_consistency""".split()  # noqa: SIM905 - names, to be read
)
_PASSED_KINDS = ("param_", "http_", "insert_")  # parameters of statements, of the protocol, of inserts


def is_for_readers(name: str) -> bool:
    """Return whether a query may have a setting; limits within their bounds."""
    return name in _MOST or name in _FREE_LIMITS or name in FILTERS or name in _ANSWERS or _is_output(name)


def may_be_sent(name: str) -> bool:
    """Return whether a query may come with a setting, be it honoured or passed over."""
    return is_for_readers(name) or _is_passed_over(name, "")


def _is_output(name: str) -> bool:
    return name.startswith(_OUTPUT) and _NOT_OUTPUT.fullmatch(name) is None


def chosen(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return those arguments of a request, or settings of a statement, that a query is to be run with.

    Raises
    ------
    RefusedSettingError
        One is not for readers, or a limit is to be lifted.

    >>> chosen({"session_timezone": "Asia/Tokyo", "session_id": "s", "param_brand": "lumiere"})
    {'session_timezone': 'Asia/Tokyo'}
    """
    taken = {}
    for name, value in arguments.items():
        if _is_passed_over(name, value):
            continue
        if not is_for_readers(name):
            raise RefusedSettingError(
                code_of("READONLY"),
                f"Cannot modify '{_shown(name)}' setting in readonly mode: it is not among those that readers may set",
            )
        taken[name] = _within(name, value) if name in _MOST or name in _FREE_LIMITS else value
    return taken


def _within(name: str, value: str) -> str:
    """Return the value of a limit. Refuse what is no number above 0, or above the most."""
    most = _MOST.get(name)
    if not re.fullmatch(r"\d{1,19}(\.\d{1,9})?", value):
        raise RefusedSettingError(code_of("CANNOT_PARSE_TEXT"), f"Setting {name} must be a number above 0")
    violated = code_of("SETTING_CONSTRAINT_VIOLATION")
    if float(value) <= 0:
        raise RefusedSettingError(violated, f"Setting {name} shouldn't be 0, which is without a limit")
    if most is not None and float(value) > most:
        if name != "max_threads":
            raise RefusedSettingError(violated, f"Setting {name} shouldn't be greater than {most}")
        return str(most)  # more would change no answer, and some clients ask for as many as they have cores
    return value


def _is_passed_over(name: str, value: str) -> bool:
    if name == "readonly":
        return value in {"1", "2"}  # it is so anyway
    return name in _PASSED_OVER or name.startswith(_PASSED_KINDS)


def _shown(name: str) -> str:
    """Return a name as an error may have it: whatever was sent, on one line."""
    return re.sub(r"\W", "?", name)[:100]
