"""Finds the customer whom the search field names, and leads to their journey. What was typed is in no URL, log or cache."""

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from journey.errors import UserError
from streams.handles.find import Found
from streams.http.guard import SAFE, Guard
from streams.page.markup import Markup, tag
from streams.page.posted import posted
from streams.page.scope import ScopeError
from streams.store.clickhouse import ClickHouse
from streams.store.connections import ConnectionPool

__all__ = ["MOST_FOUND", "Finder", "Search", "field"]

Finder = Callable[[ClickHouse, str, str], Sequence[Found]]
"""Takes a store that can be read, a text and a brand; returns the customers whom the text may name. Raises UserError."""

_OF_BRAND = "SELECT customer FROM standings WHERE brand = {brand:String} AND customer IN {ids:Array(UInt64)}"
MOST_FOUND = 20  # that one text can lead to
_LONGEST = 512
_NOBODY = (
    "Nobody is known by that here. Give an e-mail address, a phone number, the number of a card or a user, @account, or a hash"
    " as this page shows it; KIND:VALUE says which kind of handle it is."
)


def field(brand: str) -> Markup:
    """Return the field of the page's head; what is typed goes into the body of a POST."""
    return tag(
        "form",
        tag("label", "Find a customer", for_="find", class_="unseen"),
        tag(
            "input",
            type="search",
            name="who",
            id="find",
            placeholder="Find a customer",
            maxlength=_LONGEST,
            autocomplete="off",
            spellcheck="false",
            required=True,
            title="E-mail address, phone number, card, user, @account or hash; Enter finds the customer",
        ),
        tag("input", type="hidden", name="brand", value=brand),
        method="post",
        action="/find",
        class_="find",
        role="search",
    )


class Search:
    """The route of the search field.

    Parameters
    ----------
    keep
        Keeps a text for the page that is shown next, and returns its name.
    """

    def __init__(
        self, find: Finder, reader: ConnectionPool, guard: Guard, keep: Callable[[str], str]
    ) -> None:
        self._find, self._reader, self._guard, self._keep = find, reader, guard, keep

    async def answer(self, request: Request) -> Response:
        """Return where the journey is, or the customers to choose from."""
        if (refused := self._guard.refused_change(request)) is not None:
            return refused
        form, viewer = await posted(request), self._guard.viewer(request)
        brand = form.get("brand", "")
        if viewer is None or not (viewer.sees(brand) or viewer.brands is None):
            raise ScopeError("brand: unknown")
        try:
            own = await self._found(form.get("who", ""), brand, of_brand=viewer.brands is not None)
        except UserError as error:
            own = {"said": self._keep(f"{error}.")}
        return RedirectResponse(f"/view/journey?{urlencode({'brand': brand} | own)}", 303, SAFE)

    async def _found(self, text: str, brand: str, *, of_brand: bool) -> dict[str, str]:
        """Return the parameters that lead to whom a text names; `of_brand` where others' customers are nobody to who asks."""
        if len(text) > _LONGEST:
            raise ScopeError(f"who: at most {_LONGEST} characters")
        found = await self._reader.run(lambda store: self._find(store, text, brand))
        if of_brand:  # also where nobody is found: how long it takes tells nothing
            asked = {"brand": brand, "ids": [each.customer for each in found] or [0]}
            theirs = await self._reader.run(
                lambda store: {row["customer"] for row in store.rows(_OF_BRAND, asked)}
            )
            found = [each for each in found if each.customer in theirs]
        if len(found) == 1:
            return {"customer": f"{found[0].customer:016x}"}
        if not found:
            return {"said": self._keep(_NOBODY)}
        return {"among": ",".join(f"{each.customer:016x}" for each in found[:MOST_FOUND])}
