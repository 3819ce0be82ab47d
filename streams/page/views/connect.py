"""Shows how events come in: a form that makes a key, the latest events, and the latest refusals with their reasons."""

from collections.abc import Sequence

from streams.page.form import labelled
from streams.page.markup import Markup, tag
from streams.page.new_key import USES
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row, View

__all__ = ["VIEW", "connect"]

_LATEST = 20
_TAIL = f"""
SELECT time, type, brand, source, channel, about FROM
(
    SELECT _offset, time, toString(type) AS type, brand, toString(source) AS source, substringIndex(type, '.', 1) AS channel,
        arrayStringConcat(arrayFilter(x -> x != '', [content, product, toString(place), if(amount IS NULL, '', concat(toString(amount), ' ', currency))]), ' · ') AS about
    FROM interactions_kept
    WHERE {{brand:String}} IN ('', brand) AND NOT startsWith(type, 'identity.')
    ORDER BY _offset DESC, time DESC LIMIT {_LATEST}
)
"""
_REFUSALS = f"""
SELECT received, reason, detail, topic, topic_offset FROM dead_letters ORDER BY received DESC, _offset DESC, _index DESC LIMIT {_LATEST}
"""


def _form(_: Sequence[Row], scope: Scope) -> Markup:
    uses = [tag("option", said.capitalize(), value=use) for use, said in USES.items()]
    return tag(
        "form",
        labelled("key-name", "Name of the key", _input("name", value="first")),
        labelled("key-for_brand", "Brand", _input("for_brand", value=scope.brand)),
        labelled("key-use", "For", tag("select", uses, name="use", id="key-use")),
        labelled("key-origin", "Its pages (of a web page: https://…)", _input("origin", required=False)),
        tag("button", "Make a key"),
        method="post",
        action="/view/connect",
        class_="target",
        aria_label="A key",
    )


def _input(name: str, value: str = "", *, required: bool = True) -> Markup:
    return tag(
        "input", type="text", name=name, id=f"key-{name}", value=value, required=required, autocomplete="off", maxlength=256
    )  # fmt: skip


_KEY = Panel(
    name="key-form",
    title="Make a key",
    counts="A key lets a back end, a web page or a till send events of one brand. journey keys write shows, rotates and revokes keys.",
    sql="SELECT 1 AS one",
    columns=(Column("one", "One"),),
    draw=_form,
    picture=False,
    reads=(),
)
_EVENTS = Panel(
    name="tail",
    title="Latest events",
    counts="The twenty events of this brand that were stored last, the latest first; of any brand while there is none. They follow without a"
    " reload.",
    sql=_TAIL,
    columns=(
        Column("time", "Happened", "time"),
        Column("type", "Type"),
        Column("about", "About"),
        Column("brand", "Brand"),
        Column("source", "Source"),
    ),
    reads=(),
    sorts=False,
    empty="No event yet: make a key above and send one. It appears here.",
)
_REFUSED = Panel(
    name="refusals",
    title="Latest refusals",
    counts="The twenty events, of any brand, that were refused last, with the reason; values of handles in them are hashed. journey"
    " dead-letters shows, replays and drops them.",
    sql=_REFUSALS,
    columns=(
        Column("received", "Came", "time"),
        Column("reason", "Reason"),
        Column("detail", "Where, and what is allowed"),
        Column("topic", "From"),
        Column("topic_offset", "Line", "number"),
    ),
    reads=(),
    sorts=False,
    empty="Nothing was refused.",
)


def connect(*, makes_keys: bool) -> View:
    """Return the view; with the form where this process takes events and has their keys."""
    return View(
        name="connect",
        title="Connect",
        lead="Events come in here. Make a key, send an event, and see it arrive, or see why it was refused.",
        of_all_brands=True,
        panels=lambda _: (_KEY, _EVENTS, _REFUSED) if makes_keys else (_EVENTS, _REFUSED),
    )


VIEW = connect(makes_keys=False)
