"""The form over a view: brand, period and the view's own parameters; it works without scripts."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from streams.page.markup import Markup, tag, together
from streams.page.scope import Brand, Field, Scope
from streams.page.view import View

__all__ = ["form"]


def form(view: View, scope: Scope, brands: Sequence[Brand]) -> Markup:
    """Return the form; its answer is the view's URL."""
    chosen = tag(
        "select",
        (tag("option", brand.name, value=brand.name, selected=brand.name == scope.brand) for brand in brands),
        name="brand",
        id="field-brand",
    )
    last = scope.until - timedelta(microseconds=1)
    return tag(
        "form",
        _labelled("brand", "Brand", chosen),
        _labelled("since", "From", _day("since", f"{scope.since:%Y-%m-%d}")),
        _labelled("until", "To", _day("until", f"{last:%Y-%m-%d}")),
        (
            _group(name, list(fields), scope)
            for name, fields in groupby(view.fields, lambda field: field.group)
        ),
        tag("button", "Show"),
        method="get",
        action=f"/view/{view.name}",
        class_="scope",
        aria_label="What is shown",
    )


def _group(name: str, fields: Sequence[Field], scope: Scope) -> Markup:
    inputs = together([_input(field, scope.own[field.name]) for field in fields])
    return tag("fieldset", tag("legend", name), inputs) if name else inputs


def _day(name: str, value: str) -> Markup:
    return tag("input", type="date", name=name, id=f"field-{name}", value=value)


def _input(field: Field, value: str) -> Markup:
    name, ident = field.name, f"field-{field.name}"
    if field.kind == "hidden":
        return tag("input", type="hidden", name=name, value=value) if value else Markup()
    if field.kind == "choice":
        options = (tag("option", label, value=key, selected=key == value) for key, label in field.choices)
        return _labelled(name, field.label, tag("select", options, name=name, id=ident))
    if field.kind == "number":
        made = tag(
            "input",
            type="number",
            name=name,
            id=ident,
            value=value,
            min=field.low,
            max=field.high,
            step="any",
        )
        return _labelled(name, field.label, made)
    return _labelled(name, field.label, tag("input", type="text", name=name, id=ident, value=value))


def _labelled(name: str, label: str, control: Markup) -> Markup:
    return tag("p", together([tag("label", label, for_=f"field-{name}"), control]), class_="field")
