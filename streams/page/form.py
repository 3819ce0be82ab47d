"""Renders the form over a view: brand, period and the view's own parameters; it works without scripts."""

from collections.abc import Sequence
from itertools import groupby
from urllib.parse import urlencode

from streams.analysis.brands import Brand
from streams.page.markup import Markup, tag, together
from streams.page.scope import Field, Scope, presets
from streams.page.view import View

__all__ = ["form", "labelled", "of_scope"]


def form(view: View, scope: Scope, brands: Sequence[Brand]) -> Markup:
    """Return the form; its answer is the view's URL."""
    chosen = tag(
        "select",
        (tag("option", brand.name, value=brand.name, selected=brand.name == scope.brand) for brand in brands),
        name="brand",
        id="field-brand",
    )
    shown = tag(
        "form",
        labelled("field-brand", "Brand", chosen),
        labelled("field-since", "From", _day("since", f"{scope.first_day}")),
        labelled("field-until", "To", _day("until", f"{scope.last_day}")),
        (
            _group(name, list(fields), scope)
            for name, fields in groupby(view.all_fields, lambda field: field.group)
        ),
        tag("button", "Show"),
        method="get",
        action=f"/view/{view.name}",
        class_="scope",
        aria_label="What is shown",
    )
    brand = next((each for each in brands if each.name == scope.brand), None)
    return together([shown, _periods(view, scope, brand)]) if brand else shown


def _periods(view: View, scope: Scope, brand: Brand) -> Markup:
    """Return links to periods that people often ask for; each ends as the brand does."""
    kept = {name: value for name, value in scope.given.items() if name not in {"brand", "since", "until"}}
    periods = presets(brand, scope.now, scope.zone)
    links = (
        tag(
            "a",
            label,
            href=f"/view/{view.name}?{urlencode({'brand': brand.name, 'since': f'{since}'} | kept)}",
            aria_current="true" if scope.reaches_end and scope.first_day == since else None,
        )
        for label, since in periods.items()
    )
    zone = tag("span", f"days and times of {scope.zone}")
    if len(periods) > 1:
        return tag("nav", links, zone, class_="periods", aria_label="Period")
    return tag("p", zone, class_="periods")


def _group(name: str, fields: Sequence[Field], scope: Scope) -> Markup:
    inputs = together([_input(field, scope.own[field.name]) for field in fields])
    if all(field.name.startswith("met_") for field in fields):
        made = tag("fieldset", tag("legend", name), inputs)
        is_open = any(scope.own[field.name] for field in fields)
        return tag("details", tag("summary", "Filter"), made, class_="filter", open=is_open)
    return tag("fieldset", tag("legend", name), inputs) if name else inputs


def _day(name: str, value: str) -> Markup:
    return tag("input", type="date", name=name, id=f"field-{name}", value=value)


def _input(field: Field, value: str) -> Markup:
    name, ident = field.name, f"field-{field.name}"
    if field.kind == "hidden" or field.elsewhere:
        return tag("input", type="hidden", name=name, value=value) if value else Markup()
    if field.kind == "choice":
        options = (tag("option", label, value=key, selected=key == value) for key, label in field.choices)
        return labelled(ident, field.label, tag("select", options, name=name, id=ident))
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
        return labelled(ident, field.label, made)
    known = f"known-{field.known}" if field.known else None
    made = tag("input", type="text", name=name, id=ident, value=value, list=known, autocomplete="off")
    return labelled(ident, field.label, made)


def of_scope(scope: Scope) -> tuple[Markup, Markup]:
    """Return what a form that changes something says of where it stands: the brand, and the address that follows."""
    back = urlencode({"brand": scope.brand, **scope.given})
    return (
        tag("input", type="hidden", name="brand", value=scope.brand),
        tag("input", type="hidden", name="back", value=back),
    )


def labelled(ident: str, label: str, control: Markup) -> Markup:
    """Return a control with its label; `ident` is the control's id."""
    return tag("p", together([tag("label", label, for_=ident), control]), class_="field")
