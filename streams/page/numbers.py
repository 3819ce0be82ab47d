"""Shows a brand's own numbers of customers to viewers who may see them: asked for each request, and kept nowhere."""

from collections.abc import Sequence
from functools import partial

from streams.handles.readable import Customer, ReadableReader, Values
from streams.http.viewer import Viewer
from streams.page.markup import Markup, tag
from streams.page.replies import FAILURES, why
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row, View
from streams.store.connections import ConnectionPool

__all__ = ["Numbers"]

_JOURNEY = "journey"
_BETWEEN = "; "  # of several numbers in a cell


class Numbers:
    """The readable handles of customers.

    Parameters
    ----------
    reader
        None where none are kept readable, or their key is not there.
    """

    def __init__(self, pool: ConnectionPool, reader: ReadableReader | None) -> None:
        self._pool, self._reader = pool, reader

    async def of_journey(self, viewer: Viewer, view: View, scope: Scope) -> Markup:
        """Return the numbers of the customer whose journey is shown; nothing for a viewer who may not see them."""
        if view.name != _JOURNEY or not scope.own["customer"] or not viewer.reads(scope.brand):
            return Markup()
        customer = scope.brand, int(scope.own["customer"], 16)
        try:
            found = (await self._of([customer]))[customer]
        except FAILURES as error:
            return tag("p", f"Numbers: {why(error)}", class_="note numbers")
        shown = " · ".join(f"{kind} {value}" for kind, values in found.items() for value in values)
        return tag(
            "p", f"Numbers: {shown or 'none are kept readable of this customer'}", class_="note numbers"
        )

    async def beside(
        self, viewer: Viewer, scope: Scope, panel: Panel, rows: Sequence[Row]
    ) -> tuple[Panel, Sequence[Row]]:
        """Return a list for a download, with a column of numbers for each kind that a customer of it has.

        Raises
        ------
        ReadableError
            A number cannot be given.
        """
        names = [column.name for column in panel.columns if column.kind == "customer"]
        if not names or not viewer.reads(scope.brand):
            return panel, rows
        asked = {(scope.brand, row[names[0]]) for row in rows if row[names[0]] is not None}
        found = await self._of(sorted(asked))
        kinds = list(dict.fromkeys(kind for values in found.values() for kind in values))
        more = tuple(Column(f"{kind}_number", f"{kind} number", "text") for kind in kinds)
        wider = [
            row
            | {
                f"{kind}_number": _BETWEEN.join(found.get((scope.brand, row[names[0]]), {}).get(kind, ()))
                for kind in kinds
            }
            for row in rows
        ]
        return panel.with_more(more), wider

    async def _of(self, customers: Sequence[Customer]) -> dict[Customer, Values]:
        if self._reader is None:
            return {customer: {} for customer in customers}
        return await self._pool.run(partial(self._reader.of, customers=customers))
