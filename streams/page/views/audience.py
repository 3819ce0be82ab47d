"""Shows the form that a list of one's own customers is sent by, with how many customers are known by each kind of handle."""

from collections.abc import Sequence

from journey.identity.handle import KINDS
from streams.page.described import known_by
from streams.page.form import labelled
from streams.page.markup import Markup, tag
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row, View

__all__ = ["VIEW"]

_KNOWN = """
SELECT kind, uniqExact(customer) AS customers
FROM (SELECT handle, toString(kind) AS kind, customer FROM customers)
WHERE customer IN (SELECT customer FROM standings WHERE brand = {brand:String})
GROUP BY kind ORDER BY customers DESC, kind
"""


def _form(rows: Sequence[Row], scope: Scope) -> Markup:
    known = {row["kind"]: row["customers"] for row in rows}
    kinds = [
        tag("option", "what its heading says", value=""),
        *(tag("option", f"{known_by({kind})} ({known.get(kind, 0):,} known)", value=kind) for kind in KINDS),
    ]
    file = tag(
        "input",
        type="file",
        name="list",
        id="audience-list",
        accept=".csv,text/csv,text/plain",
        required=True,
    )
    column = tag("input", type="text", name="column", id="audience-column", autocomplete="off", maxlength=256)
    return tag(
        "form",
        labelled("audience-list", "List (CSV with headings)", file),
        labelled(
            "audience-kind", "Customers are named by", tag("select", kinds, name="kind", id="audience-kind")
        ),
        labelled("audience-column", "In the column (empty: found by its heading)", column),
        tag("input", type="hidden", name="brand", value=scope.brand),
        tag("button", "Show how many", name="as", value="page"),
        tag("button", "Get the list back", name="as", value="csv"),
        method="post",
        action="/audience",
        enctype="multipart/form-data",
        class_="target",
        aria_label="Your list",
    )


_LIST = Panel(
    name="list",
    title="Match your list",
    counts="Each line of the list is hashed in this page's process as events are, and looked up among this brand's customers. The CSV has your"
    " own columns as they were, then customer, stage, until when, last touch and touches; lines of nobody have none. Nothing of the list"
    " is stored, logged or cached, on any machine.",
    sql=_KNOWN,
    columns=(Column("kind", "Known by"), Column("customers", "Customers", "number")),
    draw=_form,
    picture=False,
    reads=(),
    empty="This brand has no customers yet.",
)

VIEW = View(
    name="audience",
    title="Your list",
    lead="A list of your own customers comes back with the stage of each, and until when they hold it.",
    panels=lambda _: (_LIST,),
)
