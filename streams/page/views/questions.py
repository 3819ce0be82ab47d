"""Shows the cookbook: the questions of marketers, by the part of a strategy that each belongs to, and the answer to each."""

import re

from streams.analysis.cookbook import PARTS, Recipe, recipes
from streams.page.scope import Field, Scope
from streams.page.view import Column, Panel, Row, View
from streams.store.sql import literal

__all__ = ["ANSWERS", "VIEW"]

_OF_SCOPE = ("brand", "at")  # parameters that the form has anyway: `at` is the end of the period
_MOST_DAYS = 3_660
_RECIPES = recipes()
_AS_OF = "As of the end of the period. Open in SQL shows how it counts."
_BY_DAY, _OF_UTC = re.compile(r"\btoDate\(|\btoStartOf"), " Its days and weeks begin at midnight, UTC."


def _name(recipe: str) -> str:
    return f"question-{recipe}"


def _link(row: Row, scope: Scope) -> str:
    return scope.address(_name(row["recipe"]))


def _listed() -> str:
    """Return a query of the questions: one row for each part of a strategy that a question belongs to."""
    rows = ", ".join(
        f"({literal(part.capitalize(), 'String')}, {literal(one.question, 'String')}, {literal(one.name, 'String')})"
        for part in PARTS
        for one in _RECIPES
        if part in one.parts
    )
    return (
        f"SELECT row.1 AS part, row.2 AS question, row.3 AS recipe FROM (SELECT arrayJoin([{rows}]) AS row)"
    )


def _answer(one: Recipe) -> View:
    """Return the view that answers a question."""
    own = [name for name in one.defaults if name not in _OF_SCOPE]
    panel = Panel(
        name="answer",
        title="Answer",
        counts=f"{one.note or _AS_OF}{_OF_UTC if _BY_DAY.search(one.sql) else ''}",
        sql=one.sql,
        columns=(),
        parameters=lambda scope: {"at": scope.at, **{name: int(float(scope.own[name])) for name in own}},
        empty="The data of this brand has no answer to that yet.",
    )
    return View(
        name=_name(one.name),
        title=one.question,
        lead=f"A question of: {', '.join(one.parts)}. It is answered as of the end of the period.",
        fields=tuple(
            Field(
                name=name,
                label=name.replace("_", " ").capitalize(),
                kind="number",
                default=one.defaults[name],
                low=1,
                high=_MOST_DAYS,
            )
            for name in own
        ),
        panels=lambda _: (panel,),
        listed=False,
    )


VIEW = View(
    name="questions",
    title="Questions",
    lead="What marketers ask, by the part of a strategy that it belongs to. Choose a question for its answer.",
    panels=lambda _: (
        Panel(
            name="list",
            title="The cookbook",
            counts="The same as journey cookbook list; each question is one query that can be copied and changed.",
            sql=_listed(),
            columns=(Column("question", "Question"), Column("part", "Part of a strategy")),
            reads=(),
            sorts=False,
            link=_link,
        ),
    ),
)
ANSWERS = tuple(_answer(one) for one in _RECIPES)
"""A view for each question; VIEW leads to them."""
