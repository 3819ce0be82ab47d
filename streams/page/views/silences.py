"""Shows silences of alerts, with the forms that set and end them; each is recorded with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from streams.alerts import actions
from streams.alerts.ledger import AlertMark, Ledger
from streams.http.viewer import Viewer
from streams.page.form import labelled, of_scope
from streams.page.markup import Markup, tag
from streams.page.scope import Scope
from streams.page.view import Column, Panel, Row
from streams.store.clickhouse import ClickHouse

__all__ = ["NEW", "SILENCES", "end_silence", "name_field", "set_silence"]

_LONGEST = 80  # characters of a name
_HOURS = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week"}
_WHICH = {"": "all alerts", "for": "praise", "against": "attacks"}
_LASTING = """
SELECT direction, value, until, by, set_at
FROM alert_marks FINAL
WHERE mark = 'silence' AND brand = {brand:String} AND until > {now:DateTime64(6, 'UTC')}
ORDER BY until, direction, value
"""
_NONE = "SELECT count() AS lasting FROM alert_marks FINAL WHERE mark = 'silence' AND brand = {brand:String} AND until > {now:DateTime64(6, 'UTC')}"


def set_silence(store: ClickHouse, form: Mapping[str, str], viewer: Viewer, now_us: int) -> str:
    """Keep a brand's alerts from receivers for some hours, as `journey alerts silence` does."""
    if form.get("hours") not in _HOURS:
        raise actions.AlertError(f"for: must be one of {', '.join(_HOURS)} hours")
    which, hours = form.get("which", ""), int(form["hours"])
    actions.silence(
        Ledger(store, store.insert), viewer.named(form), now_us, span=timedelta(hours=hours),
        brand=form.get("brand", ""), direction=which, value=form.get("value", "").strip(),
    )  # fmt: skip
    return f"Silenced for {_HOURS[form['hours']]}: {_words(which, form.get('value', '').strip())}. The page shows such alerts all the same."


def end_silence(store: ClickHouse, form: Mapping[str, str], viewer: Viewer, now_us: int) -> str:
    """End one silence of a brand; who ended it is added to who set it."""
    ledger = Ledger(store, store.insert)
    found = [mark for mark in ledger.marks(now_us) if mark.until_us > now_us and _is(mark, form)]
    if not found:
        raise actions.AlertError("silence: there is no such silence; perhaps it has ended already")
    if not (name := viewer.named(form)) or not name.isprintable() or len(name) > _LONGEST:
        raise actions.AlertError(f"a name is needed, of at most {_LONGEST} printable characters")
    for mark in found:
        ledger.mark(replace(mark, until_us=now_us, by=f"{mark.by}, ended by {name}"))
    return f"Ended: silence of {_words(found[0].direction, found[0].value)}."


def _is(mark: AlertMark, form: Mapping[str, str]) -> bool:
    named = (mark.mark, mark.brand, _name(mark.direction, mark.value))
    return named == ("silence", form.get("brand", ""), form.get("silence", ""))


def _name(direction: object, value: object) -> str:
    """Return what names a silence of a brand in a form."""
    return f"{direction}/{value}"


def _words(direction: str, value: str) -> str:
    return f"{_WHICH.get(direction, f'rule {direction}')}{f' about {value}' if value else ''}"


def name_field(about: str) -> Markup:
    """Return the field for a name; the browser remembers what was typed."""
    made = tag(
        "input", type="text", name="by", id=f"by-{about}", required=True, maxlength=_LONGEST, autocomplete="name", data_me=True
    )  # fmt: skip
    return labelled(f"by-{about}", "Your name", made)


def _form(_: Sequence[Row], scope: Scope) -> Markup:
    which = [tag("option", said.capitalize(), value=value) for value, said in _WHICH.items()]
    hours = [tag("option", said, value=value, selected=value == "4") for value, said in _HOURS.items()]
    about = tag("input", type="text", name="value", id="silence-value", maxlength=256)
    return tag(
        "form",
        labelled("silence-which", "Silence", tag("select", which, name="which", id="silence-which")),
        labelled("silence-value", "About (content, place, product; empty for any)", about),
        labelled("silence-hours", "For", tag("select", hours, name="hours", id="silence-hours")),
        name_field("silence"),
        *of_scope(scope),
        tag("button", "Silence"),
        method="post",
        action="/view/spikes/silence",
        class_="target",
        aria_label="A silence",
    )


def _end_form(rows: Sequence[Row], scope: Scope) -> Markup:
    lasting = [
        tag(
            "option",
            f"{_words(row['direction'], row['value'])} until {row['until']:%-d %b %H:%M}, by {row['by']}",
            value=_name(row["direction"], row["value"]),
        )
        for row in rows
    ]
    return tag(
        "form",
        labelled("silence-ended", "Silence", tag("select", lasting, name="silence", id="silence-ended")),
        name_field("ended"),
        *of_scope(scope),
        tag("button", "End silence"),
        method="post",
        action="/view/spikes/end-silence",
        class_="target",
        aria_label="A silence to end",
    )


NEW = Panel(
    name="silence",
    title="Silence alerts",
    counts="A silence keeps alerts of this brand from receivers for a while. They are raised, stored and shown here all the same; one that"
    " still stands when the silence ends is sent then.",
    sql=_NONE,
    columns=(Column("lasting", "Silences that last now", "number"),),
    draw=_form,
    picture=False,
    reads=(),
    wide=False,
)
SILENCES = Panel(
    name="silences",
    title="Silences",
    counts="Silences of this brand that last now, with who set them.",
    sql=_LASTING,
    columns=(
        Column("direction", "Direction or rule"),
        Column("value", "About"),
        Column("until", "Until", "time"),
        Column("by", "Set by"),
        Column("set_at", "Set", "time"),
    ),
    draw=_end_form,
    picture=False,
    reads=(),
    wide=False,
    empty="No silence lasts now.",
)
