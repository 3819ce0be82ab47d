"""Shows the A-Path model in force with its values to be changed, tried and activated, and the models there were before."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from journey.stage import STAGES
from schemas.apath import parse_model
from streams.apath.in_force import in_force
from streams.clock import from_us
from streams.http.viewer import Viewer
from streams.page.activation import Activation
from streams.page.form import labelled
from streams.page.markup import Markup, tag, together
from streams.page.model_file import EditError, ModelChange, edited
from streams.page.scope import Scope
from streams.page.view import Action, Column, Panel, Row
from streams.page.views.paths import named
from streams.page.views.silences import name_field
from streams.store.clickhouse import ClickHouse

__all__ = ["EDIT", "HISTORY", "RULES", "activate_panel", "activation_action", "factors_of"]

_LONGEST = 64  # characters of a model's name
_IN_FORCE = "(SELECT model FROM model_in_force)"
_STAGES = f"""
SELECT stage, position, threshold, half_life_s / 86400 AS half_life_days, model
FROM model_stages FINAL WHERE model = {_IN_FORCE} ORDER BY position DESC
"""


def factors_of(text: str) -> dict[str, float]:
    """Return factors by type of a text such as ``*.share=0.5, *.purchase=2``; of one named twice, the last."""
    pairs = [pair.strip().split("=") for pair in text.split(",") if pair.strip()]
    return {kind: float(factor) for kind, factor in pairs}


def _value(scope: Scope, name: str, now: float) -> str:
    return scope.own[name] or f"{now:g}"


def _form(rows: Sequence[Row], scope: Scope) -> Markup:
    kept = [
        tag("input", type="hidden", name=name, value=value)
        for name, value in ({"brand": scope.brand} | dict(scope.given)).items()
        if name in {"brand", "since", "until"}
    ]
    lines = [
        tag(
            "tr",
            tag("th", named(row["position"]), scope="row"),
            tag(
                "td",
                _number(
                    f"threshold_{row['stage']}",
                    f"Threshold of {row['stage']}",
                    row["threshold"],
                    scope,
                    low=1e-6,
                ),
            ),
            tag(
                "td",
                _number(
                    f"half_life_{row['stage']}",
                    f"Half-life of {row['stage']}, days",
                    row["half_life_days"],
                    scope,
                    low=7,
                ),
            ),
        )
        for row in rows
    ]
    head = tag("tr", (tag("th", text, scope="col") for text in ("Stage", "Threshold", "Half-life, days")))
    weights = tag(
        "input",
        type="text",
        name="weights",
        id="field-weights",
        value=scope.own["weights"],
        autocomplete="off",
    )
    return tag(
        "form",
        kept,
        tag("table", tag("thead", head), tag("tbody", lines), class_="values"),
        labelled("field-weights", "Multiply weights (*.share=0.5 halves those of shares)", weights),
        tag("button", "Try"),
        method="get",
        action="/view/model",
        class_="target tried",
        aria_label="The model's values",
    )


def _number(name: str, label: str, now: float, scope: Scope, low: float) -> Markup:
    return tag(
        "input", type="number", name=name, id=f"field-{name}", value=_value(scope, name, now), data_now=f"{now:g}", step="any",
        min=f"{low:g}", aria_label=label,
    )  # fmt: skip


EDIT = Panel(
    name="values",
    title="The model in force",
    counts="A stage is reached while the sum of the evidence for it, each interaction's weight fading by half in the half-life, is at"
    " least the threshold. Try shows who would move, on all of history, and changes nothing.",
    sql=_STAGES,
    columns=(
        Column("stage", "Stage"),
        Column("threshold", "Threshold", "plain"),
        Column("half_life_days", "Half-life, days", "plain"),
    ),
    draw=_form,
    picture=False,
    wide=False,
)
RULES = Panel(
    name="weights",
    title="What is evidence for what",
    counts="The rules of the model in force: one interaction of the type adds the weight to the stage's evidence, or takes it away. A rule"
    " with a condition counts only interactions that meet it.",
    sql=f"""
SELECT stage, type, weight, arrayStringConcat(arrayFilter(x -> x != '', [toString(mood),
    if(rating_min IS NULL, '', concat('rating from ', toString(rating_min))), if(rating_max IS NULL, '', concat('rating to ', toString(rating_max))),
    if(sentiment_min IS NULL, '', concat('sentiment from ', toString(sentiment_min))), if(sentiment_max IS NULL, '', concat('sentiment to ', toString(sentiment_max))),
    if(amount_min IS NULL, '', concat('amount from ', toString(amount_min))), if(amount_max IS NULL, '', concat('amount to ', toString(amount_max)))]), ', ') AS condition
FROM model_weights FINAL WHERE model = {_IN_FORCE} AND weight != 0
ORDER BY indexOf(['advocacy', 'audience', 'affinity', 'attraction', 'attention'], toString(stage)), weight DESC, type
""",
    columns=(
        Column("type", "Type"),
        Column("stage", "Evidence for"),
        Column("weight", "Weight", "plain"),
        Column("condition", "Only with"),
    ),
    wide=False,
    reads=(),
)
HISTORY = Panel(
    name="models",
    title="Models that came into force",
    counts="The latest is in force. A model decides about all of history, so figures of earlier days changed with it: charts over time have a"
    " mark there.",
    sql="""
SELECT name, activated_at, if(startsWith(toml, '# Changed'), substring(toml, 3, position(toml, '\\n') - 3), '') AS about, model
FROM models ORDER BY sequence DESC
""",
    columns=(
        Column("name", "Model"),
        Column("activated_at", "In force since", "time"),
        Column("about", "How"),
        Column("model", "Its hash"),
    ),
    reads=(),
)


def _changes(rows: Sequence[Row], scope: Scope) -> list[str]:
    said = []
    for row in rows:
        for key, label in (("threshold", "threshold"), ("half_life", "half-life")):
            now = row["threshold"] if key == "threshold" else row["half_life_days"]
            tried = scope.own[f"{key}_{row['stage']}"]
            if tried and float(tried) != now:
                said.append(f"{named(row['position'])}: {label} {now:g} becomes {float(tried):g}")
    return said + [
        f"weights of {kind} times {factor:g}" for kind, factor in factors_of(scope.own["weights"]).items()
    ]


def _activate_form(rows: Sequence[Row], scope: Scope) -> Markup:
    changes = _changes(rows, scope)
    if not changes:
        return tag("p", "Nothing differs from the model in force.", class_="told")
    tried = [
        tag("input", type="hidden", name=name, value=value)
        for name, value in scope.own.items()
        if value and name.startswith(("threshold_", "half_life_", "weights"))
    ]
    name = tag("input", type="text", name="name", id="model-name", required=True, maxlength=_LONGEST)
    form = tag(
        "form",
        tried,
        tag("input", type="hidden", name="base", value=rows[0]["model"]),
        tag("input", type="hidden", name="back", value=urlencode({"brand": scope.brand})),
        labelled("model-name", "Name of the model", name),
        name_field("model"),
        tag("button", "Activate for all brands"),
        method="post",
        action="/view/model/activate",
        class_="target",
        aria_label="Activate the model",
    )
    return together([tag("ul", (tag("li", each) for each in changes)), form])


def activate_panel() -> Panel:
    """Return the panel that activates what was tried."""
    return Panel(
        name="activate",
        title="Activate it",
        counts="A model decides for all brands, about all of history, and comes into force atomically: until then the one before stays active."
        " Events are taken meanwhile.",
        sql=_STAGES,
        columns=EDIT.columns,
        draw=_activate_form,
        picture=False,
        wide=False,
    )


def activation_action(activation: Activation) -> Action:
    """Return the action that activates what a form has tried."""

    def activate(store: ClickHouse, form: Mapping[str, str], viewer: Viewer, now_us: int) -> str:
        if not viewer.changes(""):
            raise EditError("a model decides for all brands: only who sees them all may activate one")
        by, name = _plain(viewer.named(form), "your name"), _plain(form.get("name", "").strip(), "name")
        found = in_force(store.client)
        if found is None or found.hash != form.get("base"):
            raise EditError("another model came into force meanwhile: try the change again")
        about = f"Changed on the page by {by}, {from_us(now_us):%Y-%m-%d %H:%M} UTC"
        text = edited(_without_about(found.toml), _change(form), name, about)
        parse_model(text, name="the changed model")
        if activation.begin(text):
            return f"In force: model {name}."
        return f"Model {name} is being activated: all of history is weighed. It is listed here once it is in force."

    return activate


def _without_about(toml: str) -> str:
    first, _, rest = toml.partition("\n")
    return rest if first.startswith("# Changed on the page") else toml


def _plain(text: str, what: str) -> str:
    if not text or len(text) > _LONGEST or not text.isprintable() or set(text) & set('"\\'):
        raise EditError(f"{what}: 1 to {_LONGEST} printable characters without quotes are needed")
    return text


def _change(form: Mapping[str, str]) -> ModelChange:
    def numbers(prefix: str, read: Callable[[str], float] = float) -> dict[str, float]:
        named_so = {stage.label: form.get(f"{prefix}_{stage.label}", "") for stage in STAGES}
        return {stage: read(text) for stage, text in named_so.items() if text}

    try:
        return ModelChange(numbers("threshold"), numbers("half_life"), factors_of(form.get("weights", "")))
    except ValueError as error:
        raise EditError("the values must be numbers") from error
