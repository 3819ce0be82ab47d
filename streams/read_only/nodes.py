"""Lists the nodes of ClickHouse's syntax tree that a reader's statement may have, and the parts of each.

The names are those of `parseQueryToJSON`. A kind or a part that is not named here is refused, so that what a later
version of ClickHouse adds is reviewed before anybody uses it.
"""

from collections.abc import Mapping

__all__ = ["ANYWHERE", "KINDS", "STATEMENTS"]

STATEMENTS = frozenset(
    {"SelectWithUnionQuery", "ExplainQuery", "ShowTablesQuery", "ShowColumnsQuery", "ShowIndexesQuery"}
)
"""Kinds that a statement may be of. DESCRIBE, EXISTS and SHOW CREATE are judged as SELECT * FROM what they name."""

ANYWHERE = frozenset({"type", "alias"})
"""Parts that every node may have."""

_ANSWER = "format_ast settings_ast is_outfile_append is_outfile_truncate is_into_outfile_with_stdout"


def _kinds(**parts: str) -> Mapping[str, frozenset[str]]:
    return {kind: frozenset(words.split()) for kind, words in parts.items()}


KINDS: Mapping[str, frozenset[str]] = _kinds(
    # statements
    SelectWithUnionQuery=f"union_mode list_of_modes list_of_selects {_ANSWER}",
    SelectIntersectExceptQuery="final_operator children",
    SelectQuery="""with recursive_with distinct select cte_aliases tables prewhere where group_by group_by_all
        group_by_with_totals group_by_with_rollup group_by_with_cube group_by_with_grouping_sets having window qualify
        order_by order_by_all interpolate limit_by limit_by_all limit_by_length limit_by_offset limit_length limit_offset
        limit_with_ties settings""",
    ExplainQuery=f"kind settings query {_ANSWER}",
    ShowTablesQuery=f"""databases full dictionaries settings changed from like not_like case_insensitive_like
        where_expression limit_length {_ANSWER}""",
    ShowColumnsQuery=f"""extended full database table like not_like case_insensitive_like where_expression limit_length
        {_ANSWER}""",
    ShowIndexesQuery=f"extended database table where_expression {_ANSWER}",
    # tables
    TablesInSelectQuery="children",
    TablesInSelectQueryElement="table_join table_expression array_join",
    TableExpression="""database_and_table_name table_function subquery final sample_size sample_offset
        column_aliases""",
    TableIdentifier="name name_parts",
    TableJoin="kind strictness locality is_natural using_expression_list on_expression",
    ArrayJoin="kind expression_list",
    SampleRatio="numerator denominator",
    Subquery="children cte_name",
    WithElement="name subquery is_materialized aliases",
    # expressions
    ExpressionList="children",
    Identifier="name name_parts",
    Literal="value",
    Function="""name arguments parameters is_operator is_lambda_function is_compound_name is_window_function
        window_definition window_name nulls_action kind""",
    QueryParameter="name param_type",
    Asterisk="transformers expression",
    QualifiedAsterisk="qualifier transformers",
    ColumnsRegexpMatcher="pattern expression transformers",
    ColumnsListMatcher="column_list expression transformers",
    QualifiedColumnsRegexpMatcher="pattern qualifier transformers",
    QualifiedColumnsListMatcher="column_list qualifier transformers",
    ColumnsTransformerList="children",
    ColumnsApplyTransformer="func_name parameters lambda lambda_arg column_name_prefix",
    ColumnsExceptTransformer="children pattern is_strict",
    ColumnsReplaceTransformer="children is_strict",
    ColumnsReplaceTransformerReplacement="name children",
    # order and windows
    OrderByElement="""expression collation direction nulls_direction nulls_direction_was_explicitly_specified with_fill
        fill_from fill_to fill_step fill_staleness""",
    InterpolateElement="column expr",
    WindowListElement="name definition",
    WindowDefinition="""parent_window_name partition_by order_by frame_is_default frame_type frame_begin_type
        frame_begin_offset frame_begin_preceding frame_end_type frame_end_offset frame_end_preceding""",
    SetQuery="changes",
)
"""Parts of each kind, without those of ANYWHERE."""
