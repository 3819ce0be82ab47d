"""A notebook for marimo: where a brand's customers stand, what moves them, and what would be lost next week.

    pip install marimo 'customer-journey-engine[embedded]'
    JOURNEY_SQL=clickhouse://analyst:PASSWORD@127.0.0.1:8123/journey marimo edit deploy/notebook/journeys.py

JOURNEY_SQL is a server, `journey up` (the same, any password without a token), or a data directory that nobody has open:
chdb:///absolute/path/clickhouse.
"""

import marimo

app = marimo.App(width="medium", app_title="Journeys")


@app.cell
def _():
    import os

    import clickhouse_connect
    import marimo as mo

    from streams.analysis.cookbook import recipe, recipes

    return clickhouse_connect, mo, os, recipe, recipes


@app.cell
def _(clickhouse_connect, os):
    client = clickhouse_connect.get_client(
        dsn=os.environ.get("JOURNEY_SQL", "clickhouse://analyst@127.0.0.1:8123/journey")
    )
    client.database = "journey"

    def ask(sql, **parameters):
        """Return rows by column name."""
        return list(client.query(sql, parameters=parameters).named_results())

    return ask, client


@app.cell
def _(ask, mo):
    brands = [row["brand"] for row in ask("SELECT DISTINCT brand FROM touchpoints ORDER BY brand")]
    (span,) = ask("SELECT min(time) AS first, max(time) AS last FROM touchpoints")
    brand = mo.ui.dropdown(brands, value="lumiere" if "lumiere" in brands else brands[0], label="Brand")
    at = mo.ui.date(value=span["last"].date(), label="As of")
    mo.hstack([brand, at], justify="start")
    return at, brand


@app.cell
def _(ask, at, brand, recipe):
    def answer(name, **more):
        """Return the answer to a question of the cookbook, for the brand and day chosen above."""
        one = recipe(name)
        chosen = {"brand": brand.value, "at": f"{at.value} 00:00:00"}
        parameters = (
            dict(one.defaults) | {key: chosen[key] for key in one.defaults.keys() & chosen.keys()} | more
        )
        return ask(one.sql, **parameters)

    return (answer,)


@app.cell
def _(answer, mo):
    funnel = answer("funnel_with_skips")
    mo.vstack(
        [mo.md("## How far customers come, and what they go past"), mo.ui.table(funnel, selection=None)]
    )
    return (funnel,)


@app.cell
def _(ask, at, brand, mo):
    days = ask(
        """
        SELECT toDate(at) AS day, countIf(to_stage > from_stage) AS up, countIf(to_stage < from_stage) AS down
        FROM stage_history
        WHERE brand = {brand:String} AND at < toDate({at:Date}) AND at >= toDate({at:Date}) - 28
        GROUP BY day ORDER BY day
        """,
        brand=brand.value,
        at=str(at.value),
    )
    mo.vstack([mo.md("## Moves up and down, by day"), mo.ui.table(days, selection=None)])
    return (days,)


@app.cell
def _(answer, mo):
    lapses = answer("lapses_next_week")
    mo.vstack([mo.md("## Whom we lose next week if nothing happens"), mo.ui.table(lapses, selection=None)])
    return (lapses,)


@app.cell
def _(mo, recipes):
    question = mo.ui.dropdown(
        {one.question: one.name for one in recipes()},
        value=recipes()[0].question,
        label="Another question",
        full_width=True,
    )
    question
    return (question,)


@app.cell
def _(answer, mo, question):
    answered = answer(question.value)
    mo.ui.table(answered, selection=None)
    return (answered,)


if __name__ == "__main__":
    app.run()
