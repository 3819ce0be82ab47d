"""Statements as analysts, BI tools and drivers send them, each of which must pass: listed, and made by families."""

import itertools
from collections.abc import Iterator, Mapping

from streams.analysis.cookbook import recipes
from tests.analysts.test_grafana import SQL, expanded

__all__ = ["OF_TOOLS", "statements"]

OF_TOOLS = r"""
SELECT version(), timezone()
SELECT 1
SELECT 1 AS check FORMAT Native
SELECT name, value, readonly FROM system.settings LIMIT 10000
SELECT currentDatabase()
SELECT currentUser(), hostName(), uptime(), displayName(), revision()
select version()
SELECT name FROM system.databases
SHOW DATABASES
SHOW DATABASES LIKE '%'
SHOW TABLES
SHOW TABLES FROM journey
SHOW TABLES FROM `journey` LIKE 'stage%'
SHOW TABLES NOT LIKE 'stage%' LIMIT 3
SHOW FULL TABLES FROM journey
SHOW COLUMNS FROM journeys
SHOW FULL COLUMNS FROM targets FROM journey LIKE 'b%'
SHOW INDEX FROM interactions
SHOW CREATE TABLE targets
SHOW CREATE TABLE journey.`targets`
SHOW CREATE VIEW journeys
SHOW CREATE DATABASE journey
SHOW FUNCTIONS
SHOW FUNCTIONS LIKE 'to%'
SHOW SETTINGS LIKE 'max_threads'
EXISTS TABLE journeys
EXISTS TABLE `journey`.`journeys`
EXISTS VIEW journeys
EXISTS DATABASE journey
EXISTS journeys
DESCRIBE TABLE journeys
DESCRIBE TABLE `targets` FORMAT Native
DESC journey.touchpoints
DESCRIBE TABLE (SELECT stage, customers FROM stage_population)
DESCRIBE (SELECT 1 AS `one's`)
DESCRIBE SELECT 1
DESCRIBE TABLE numbers(1)
EXPLAIN SELECT count() FROM touchpoints
EXPLAIN PLAN header = 1, actions = 1 SELECT count() FROM touchpoints
EXPLAIN SYNTAX SELECT count() FROM touchpoints
EXPLAIN QUERY TREE SELECT count() FROM touchpoints
EXPLAIN PIPELINE SELECT count() FROM touchpoints
EXPLAIN ESTIMATE SELECT count() FROM interactions
EXPLAIN AST SELECT 1
SELECT name, engine, total_rows, comment FROM system.tables WHERE database = 'journey' ORDER BY name
SELECT database, table, name, type, position, comment, is_in_primary_key FROM system.columns WHERE database = 'journey'
SELECT name, is_aggregate, case_insensitive FROM system.functions ORDER BY name
SELECT name FROM system.table_engines
SELECT name, alias_to FROM system.data_type_families
SELECT keyword FROM system.keywords
SELECT name FROM system.formats WHERE is_output
SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'journey'
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, ORDINAL_POSITION FROM INFORMATION_SCHEMA.COLUMNS LIMIT 10
SELECT catalog_name, schema_name FROM information_schema.schemata
SELECT '' AS TABLE_CAT, t.database AS TABLE_SCHEM, t.name AS TABLE_NAME, CASE WHEN t.engine LIKE '%Log' THEN 'LOG TABLE' WHEN t.engine in ('Buffer', 'Memory', 'Set') THEN 'MEMORY TABLE' WHEN empty(t.data_paths) THEN 'REMOTE TABLE' ELSE 'TABLE' END AS TABLE_TYPE, null::Nullable(String) AS TYPE_CAT, d.engine AS TYPE_SCHEM FROM system.tables t JOIN system.databases d ON system.tables.database = system.databases.name WHERE t.database LIKE 'journey' AND t.name LIKE '%'
SELECT toTypeName(toNullable(1)), getSetting('max_threads')
SELECT @@version
SELECT table, formatReadableSize(sum(bytes_on_disk)), sum(rows) FROM system.parts WHERE active GROUP BY table
SELECT * FROM numbers(3)
SELECT * FROM generate_series(1, 9, 2)
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (n, s)
SELECT * FROM values('n Int8, s String', (1, 'a'), (2, 'b''c'))
SELECT * FROM view(SELECT 1 AS `a b`)
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT sum(n) FROM t
WITH (x -> x * 2) AS doubled SELECT arrayMap(y -> doubled(y), [1, 2])
SELECT 1 UNION ALL SELECT 2 UNION DISTINCT SELECT 2
SELECT 1 INTERSECT SELECT 1
SELECT 1 EXCEPT SELECT 2
(SELECT 1) UNION ALL (SELECT 2)
FROM stage_population SELECT stage, customers
SELECT stage, customers FROM stage_population ORDER BY ALL
SELECT brand, stage, sum(customers) FROM stage_population GROUP BY ALL
SELECT brand, stage, sum(customers) FROM stage_population GROUP BY GROUPING SETS ((brand), (stage), ())
SELECT brand, stage, sum(customers), grouping(brand) FROM stage_population GROUP BY ROLLUP(brand, stage)
SELECT brand, sum(customers) FROM stage_population GROUP BY brand WITH TOTALS
SELECT brand, sum(customers) FROM stage_population GROUP BY brand WITH CUBE
SELECT * EXCEPT (handles) FROM journeys LIMIT 3
SELECT * EXCEPT handles REPLACE (toString(customer) AS customer) FROM journeys LIMIT 3
SELECT COLUMNS('touches.*') APPLY sum FROM journeys
SELECT COLUMNS(touches_web, touches_store) APPLY(x -> x + 1) FROM journeys LIMIT 3
SELECT * APPLY(toString) FROM targets
SELECT journeys.* FROM journeys LIMIT 1
SELECT DISTINCT ON (brand) brand, stage FROM stage_population
SELECT brand, customer, touches FROM journeys ORDER BY touches DESC LIMIT 2 BY brand
SELECT brand, touches FROM journeys ORDER BY touches DESC LIMIT 2 WITH TIES
SELECT touches FROM journeys ORDER BY touches OFFSET 1 ROW FETCH FIRST 3 ROWS ONLY
SELECT toDate(minute) AS day, sum(touches) FROM minute_counts GROUP BY day ORDER BY day WITH FILL STEP 1
SELECT toDate(minute) AS day, sum(touches) AS n FROM minute_counts GROUP BY day ORDER BY day WITH FILL STEP INTERVAL 1 DAY INTERPOLATE (n AS n)
SELECT count() FROM interactions PREWHERE brand = 'lumiere' WHERE amount > 0
SELECT count() FROM targets FINAL
SELECT h, count() FROM journeys ARRAY JOIN handles AS h GROUP BY h ORDER BY 2 DESC LIMIT 5
SELECT key, sum(value) FROM journeys LEFT ARRAY JOIN mapKeys(revenue) AS key, mapValues(revenue) AS value GROUP BY key
SELECT brand, row_number() OVER (PARTITION BY brand ORDER BY touches DESC) AS place FROM journeys QUALIFY place <= 3
SELECT (SELECT count() FROM journeys), EXISTS (SELECT 1 FROM targets), 1 IN (SELECT 1)
SELECT customer IN (SELECT customer FROM touchpoints WHERE channel = 'store') AS seen, count() FROM journeys GROUP BY seen
SELECT count() FROM journeys WHERE (brand, stage) IN (('lumiere', 'audience'), ('lumiere', 'advocacy'))
SELECT count() FROM journeys WHERE brand = ANY (SELECT brand FROM targets)
SELECT CASE stage WHEN 'none' THEN 0 ELSE 1 END, count() FROM journeys GROUP BY 1
SELECT CAST(touches AS String), touches::Float64, toDecimal64(touches, 2) FROM journeys LIMIT 2
SELECT revenue['EUR'], mapKeys(revenue), tupleElement((1, 'a'), 2), [1, 2, 3][1], (1, 2).1 FROM journeys LIMIT 2
SELECT JSONExtractString(properties, 'x'), JSON_VALUE(properties, '$.x') FROM interactions LIMIT 2
SELECT extract(YEAR FROM time), dateDiff('day', time, now()), time + INTERVAL 1 DAY, toStartOfInterval(time, INTERVAL 15 MINUTE) FROM touchpoints LIMIT 2
SELECT 'it''s', 'a\tb', 'C:\\temp', "brand", `brand` FROM targets LIMIT 1
SELECT $$it's a "heredoc" `here`$$, $tag$ -- no comment $tag$
SELECT ‘curly’, 'a -- no comment', 'a /* none */ b' -- a comment
SELECT /* a comment; with 'quotes' */ 1 # and another
SELECT 'select * from file(''/etc/passwd'')' AS `into outfile`, 'FORMAT JSON' AS "settings"
SELECT 1 AS `a'`, 2 AS "b`", 3 AS `c"`, 4 AS `d\ne`, 5 AS `(children 1)`, 6 AS `f\\`
SELECT 1;
""".strip().splitlines()

_TABLES = (
    "journeys",
    "touchpoints",
    "stage_population",
    "interactions",
    "target_progress",
    "stage_history",
    "minute_counts",
    "cascades",
)
_AGGREGATES = ("count()", "count(DISTINCT brand)", "uniqExact(brand)", "any(brand)", "groupArray(3)(brand)", "countIf(brand != '')", "topK(3)(brand)", "max(length(brand))", "groupUniqArray(brand)", "minOrNull(brand)")  # fmt: skip
_FORMATS = ("JSON", "JSONCompact", "JSONEachRow", "CSV", "CSVWithNames", "TabSeparated", "TSVWithNamesAndTypes", "Native", "RowBinaryWithNamesAndTypes", "Parquet", "Arrow", "PrettyCompact", "Markdown", "Vertical", "Values")  # fmt: skip
_SPANS = ("toDate(time)", "toStartOfHour(time)", "toMonday(time)", "toStartOfMonth(time)", "toYYYYMM(time)", "dateTrunc('week', time)", "formatDateTime(time, '%Y-%m')", "toStartOfInterval(time, INTERVAL 6 HOUR)")  # fmt: skip
_MEASURES = ("count()", "uniq(customer)", "sum(revenue)", "avg(rating)", "quantile(0.9)(sentiment)", "sumIf(revenue, channel = 'store')", "argMax(type, time)", "stddevPop(sentiment)")  # fmt: skip
_FILTERS = ("brand = 'lumiere'", "channel IN ('store', 'web')", "type LIKE '%purchase%'", "time >= now() - INTERVAL 400 DAY", "time BETWEEN '2026-01-01' AND '2026-12-31'", "match(content, '^movie')", "isNotNull(rating) AND NOT offline", "place ILIKE '%berlin%' OR place = ''", "has(kinds, 'email')")  # fmt: skip
_WINDOWS = ("row_number()", "rank()", "lagInFrame(time)", "sum(revenue)", "count()", "first_value(channel)", "dense_rank()", "leadInFrame(type, 1, 'none')")  # fmt: skip
_FRAMES = ("", " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING", " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING")  # fmt: skip
_JOINS = ("INNER", "LEFT", "RIGHT", "FULL", "ANY LEFT", "LEFT SEMI", "LEFT ANTI")
_ARRAYS = ("arrayMap(x -> x + 1, [1, 2])", "arrayFilter(x -> x > 1, range(5))", "arraySort(x -> -x, [1, 3, 2])", "arrayReduce('sum', [1, 2])", "arrayJoin([1, 2])", "arrayMap(negate, [1, 2])", "arrayFold((acc, x) -> acc + x, [1, 2], toUInt64(0))", "arrayStringConcat(arrayMap(toString, [1, 2]), ',')", "arrayZip([1], ['a'])", "arrayEnumerate(['a', 'b'])", "mapApply((k, v) -> (k, v + 1), map('a', 1))")  # fmt: skip
_NAMES = (
    "it's",
    'a "b"',
    "a`b".replace("`", "\\`"),
    "from",
    "Umsatz €",
    "a.b",
    "select 1",
    "INTO OUTFILE",
    "x\\ny",
    "--",
    "/*",
    "$1",
    "’",
)


def statements() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Make them all, on the tables of the bundled data, each with the values of its parameters."""
    yield from ((one.sql, one.defaults) for one in recipes())
    yield from ((sql, {}) for sql in OF_TOOLS)
    yield from ((expanded(sql), {}) for sql in SQL.values())
    yield from ((sql, {}) for sql in _families())


def _families() -> Iterator[str]:
    for table, aggregate in itertools.product(_TABLES, _AGGREGATES):
        yield f"SELECT {aggregate} AS figure FROM {table}"
    for table, fmt in itertools.product(_TABLES[2:5], _FORMATS):
        yield f"SELECT brand FROM journey.{table} LIMIT 3 FORMAT {fmt}"
    for span, measure in itertools.product(_SPANS, _MEASURES):
        yield f"SELECT {span} AS span, {measure} AS figure FROM touchpoints GROUP BY span ORDER BY span DESC LIMIT 100"
    for condition, measure in itertools.product(_FILTERS, _MEASURES):
        yield f"SELECT brand, {measure} FROM touchpoints AS t WHERE {condition} GROUP BY brand HAVING count() > 0 LIMIT 0, 10"
    for call, frame in itertools.product(_WINDOWS, _FRAMES):
        if frame and call in {"row_number()", "rank()", "dense_rank()"}:
            continue
        yield f"SELECT customer, {call} OVER (PARTITION BY customer ORDER BY time{frame}) AS figure FROM touchpoints LIMIT 5"
    for kind, using in itertools.product(_JOINS, ("USING (brand)", "ON j.brand = p.brand")):
        yield f"SELECT j.brand, count() FROM journeys AS j {kind} JOIN stage_population AS p {using} GROUP BY 1"
    for call, wrapped in itertools.product(
        _ARRAYS, ("SELECT {} AS a", "WITH {} AS a SELECT toString(a)", "SELECT toTypeName({})")
    ):
        yield wrapped.format(call)
    for name, quote in itertools.product(_NAMES, "`"):
        yield f"SELECT brand AS {quote}{name}{quote}, count() FROM targets GROUP BY {quote}{name}{quote}"
        yield f"WITH {quote}{name}{quote} AS (SELECT 1 AS a) SELECT a FROM {quote}{name}{quote}"
        yield f"SELECT t.{quote}{name}{quote} FROM (SELECT 1 AS {quote}{name}{quote}) AS t WHERE t.{quote}{name}{quote} IN (1, 2)"
