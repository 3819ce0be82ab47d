"""The A-Path model file: what the default says of single acts, and every mistake with its key."""

import json
import math
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from journey.evidence import EPOCH_US, Touches, lapse_us, stage_at, sum_by_group, weigh
from journey.model import Range
from journey.stage import STAGES, Stage
from schemas.apath import ModelError, default_model, default_model_text, parse_model

SCHEMAS = Path(__file__).parents[2] / "schemas"
TEXT = default_model_text()
FILE = tomllib.loads(TEXT)
DAY_US = 86_400_000_000

# The default of 0.1.0, written down a second time: (type, weight, lowest rating, highest rating).
ANY = (-math.inf, math.inf)
TABLE = {
    Stage.ATTENTION: (30, 1, [
        ("social.impression", 0.2, *ANY), ("web.page_view", 0.3, *ANY), ("store.walk_by", 0.3, *ANY),
        ("campaign.delivered", 0.3, *ANY), ("social.unimpression", -0.2, *ANY),
    ]),
    Stage.ATTRACTION: (30, 1, [
        ("web.click", 0.5, *ANY), ("web.search", 0.5, *ANY), ("web.product_view", 0.4, *ANY),
        ("social.follow", 1, *ANY), ("store.check_in", 1, *ANY), ("campaign.opened", 0.5, *ANY),
        ("social.unfollow", -1, *ANY), ("store.undo_check_in", -1, *ANY),
    ]),
    Stage.AFFINITY: (60, 2, [
        ("social.like", 0.5, *ANY), ("social.comment", 1, *ANY), ("*.purchase", 1.5, *ANY),
        ("*.coupon_redeemed", 1, *ANY), ("support.csat", 1, 4, math.inf), ("*.return_visit", 0.5, *ANY),
        ("*.refund", -1.5, *ANY), ("support.csat", -1, -math.inf, 2),
        ("social.unlike", -0.5, *ANY), ("social.uncomment", -1, *ANY),
    ]),
    Stage.AUDIENCE: (90, 2, [
        ("web.sign_up", 2, *ANY), ("web.subscribe", 2, *ANY), ("store.loyalty_join", 2, *ANY),
        ("community.join", 1, *ANY), ("community.post", 1, *ANY), ("*.profile_completed", 1, *ANY),
        ("web.unsubscribe", -2, *ANY), ("community.leave", -1, *ANY),
    ]),
    Stage.ADVOCACY: (60, 1, [
        ("social.share", 1, *ANY), ("*.review", 1.5, 4, math.inf), ("*.user_content", 1.5, *ANY),
        ("*.referral_converted", 2, *ANY), ("*.answer", 1, *ANY), ("*.nps", 1, 9, math.inf),
        ("*.review", -1.5, -math.inf, 2), ("*.nps", -1, -math.inf, 6),
        ("social.unshare", -1, *ANY), ("*.withdrawn_content", -1.5, *ANY),
        ("*.unreview", -1.5, 4, math.inf), ("*.unreview", 1.5, -math.inf, 2),
    ]),
}  # fmt: skip


def test_the_default_of_0_1_0_is_the_table_and_keeps_its_name():
    model = parse_model((SCHEMAS / "apath_v1.toml").read_text(encoding="utf-8"))
    assert model.hash == "89f52550273bfedb", "what 0.1.0 stored with everything that it decided"
    for stage, policy in zip(STAGES, model.stages, strict=True):
        half_life_days, threshold, evidence = TABLE[stage]
        assert (policy.half_life_us, policy.threshold) == (half_life_days * DAY_US, threshold)
        rules = [rule for rule in model.rules if rule.stage == stage]
        assert sorted((r.type, r.weight, r.rating.low, r.rating.high) for r in rules) == sorted(evidence)
        assert {(rule.sentiment, rule.amount, rule.mood) for rule in rules} == {(Range(), Range(), None)}


def after(*acts):
    """Return the sums after acts of one instant: each a type, or a type with sentiment and rating."""
    types, sentiment, rating = zip(
        *((act, None, None) if isinstance(act, str) else act for act in acts), strict=True
    )
    sums = weigh(
        Touches(
            np.full(len(acts), EPOCH_US),
            np.arange(len(acts), dtype=np.int32),
            types,
            *(np.array(values, dtype=np.float64) for values in (rating, sentiment)),
            np.full(len(acts), np.nan),
        ),
        default_model(),
    )
    return sum_by_group(sums, np.zeros(len(acts), dtype=int), 1)


def standing(*acts):
    """Return the stage after acts of one instant, and for how many days it is held."""
    lapses = lapse_us(after(*acts), default_model())
    stage = Stage(int(stage_at(lapses, EPOCH_US)[0]))
    return stage.label, round((int(lapses[0, stage - 1]) - EPOCH_US) / DAY_US) if stage else 0


# What one act does by itself: the stage, and for how many days.
ALONE = {
    "social.share": ("advocacy", 60), ("web.review", None, 5): ("advocacy", 60), "web.sign_up": ("audience", 90),
    "web.subscribe": ("audience", 90), "store.loyalty_join": ("audience", 90), "social.follow": ("attraction", 30),
    "store.check_in": ("attraction", 30), "web.purchase": ("affinity", 60), "store.purchase": ("affinity", 60),
    ("social.share", 0.0, None): ("advocacy", 60), ("social.share", -0.29, None): ("advocacy", 60),
    "social.comment": ("affinity", 25), ("social.comment", 0.8, None): ("affinity", 25),
    ("support.csat", None, 5): ("affinity", 25),
    **dict.fromkeys(("social.impression", "web.page_view", "social.like", "web.click", "support.ticket", "web.search",
        "support.resolved", ("support.ticket", -0.9, None), "campaign.delivered", ("web.nps", None, 10),
        ("web.review", None, 3)), ("none", 0)),
}  # fmt: skip


def test_one_strong_act_holds_its_stage_for_one_half_life_and_weak_ones_need_company():
    assert {act: standing(act) for act in ALONE} == ALONE
    company = (
        ["social.impression"] * 2, ["web.page_view"] * 2, ["social.like"] * 2, ["web.click", "web.search"],
        ["community.post"] * 2, ["support.first_contact_resolution", "support.resolved"],
        ["web.nps", ("web.nps", None, 9), ("web.nps", None, 9)],
    )  # fmt: skip
    assert [standing(*acts)[0] for acts in company] == [
        "attention", "attention", "affinity", "attraction", "audience", "affinity", "advocacy",
    ]  # fmt: skip


def test_no_weight_of_the_default_is_at_the_threshold_where_it_would_hold_a_stage_for_an_instant():
    for rule in default_model().rules:
        times = rule.weight / default_model().stages[rule.stage - 1].threshold
        assert not 0.9 < times < 1.2, rule


VERBS = ("comment", "share", "post", "review", "answer", "user_content")
ANGRY = [(-0.9, None), (-0.3, 5), (None, 1), (0.9, 2), (-1, 1)]


def test_an_angry_act_takes_affinity_away_and_counts_against_whatever_says_that_it_is():
    for verb in VERBS:
        for area in ("social", "web", "community", "app"):
            for sentiment, rating in ANGRY:
                act = (f"{area}.{verb}", sentiment, rating)
                sums = after(act)[0]
                assert (sums[2], sums[4]) == (-1, -1), act
                assert np.isnan(sums[[0, 1, 3]]).all(), act
                assert standing(act, act, act)[0] == "none"
    assert standing("store.purchase", ("social.comment", -0.9, None)) == ("none", 0)
    assert standing(*["store.purchase"] * 3, ("social.comment", -0.9, None))[0] == "affinity"


def test_support_moves_people_both_ways():
    for bad in (("support.csat", None, 1), ("support.resolved", -0.8, None), "support.unresolved"):
        assert after("support.ticket", bad)[0, 2] == -1
        assert standing("store.purchase", "support.ticket", bad)[0] == "none"
    assert after("support.ticket", "support.resolved", "support.reopened")[0, 2] < 0
    assert standing("support.ticket", "support.resolved", ("support.csat", None, 5))[0] == "affinity"
    assert np.isnan(after("support.ticket")).all()


def test_a_purchase_that_is_given_back_is_no_affinity_and_no_anger():
    assert standing("web.purchase", "web.refund") == ("none", 0)
    assert after("web.purchase", "web.refund")[0, 2] > 0


def test_the_default_model_has_a_channel_for_every_area_it_names():
    model = default_model()
    assert {model.channel(rule.type) for rule in model.rules if not rule.type.startswith("*")} == {
        "social", "web", "store", "support", "direct",
    }  # fmt: skip
    assert model.channel("pharmacy.purchase") == "other"


def test_purchases_are_revenue_and_refunds_take_it_back():
    signs = {
        name: default_model().revenue_sign(name) for name in ("web.purchase", "store.refund", "web.click")
    }
    assert signs == {"web.purchase": 1, "store.refund": -1, "web.click": 0}


def test_what_the_file_leaves_out_has_the_values_that_the_default_model_spells_out():
    shorter = re.sub(r"(?m)^caps = .*$|^\[negative\](?s:.*?)(?=# The area)", "", TEXT)
    assert "caps" not in shorter
    assert "\n[negative]" not in shorter
    assert parse_model(shorter).hash == default_model().hash


def test_values_that_are_nobody_are_compared_in_the_form_in_which_handles_are():
    model = parse_model(TEXT.replace("nobody = []", 'nobody = [" KIOSK@\\uFF33hop.example "]'))
    assert model.identity.nobody == {"kiosk@shop.example"}


# Each mistake: what is replaced by what, and what the message has to say.
MISTAKES = {
    "stage missing": (r"\[stages\.audience\](.|\n)*?(?=\[stages\.advocacy\])", "", "stages.audience: Field required"),
    "stage unknown": (r"\[stages\.audience\]", "[stages.awareness]", "stages.awareness = "),
    "key unknown": ("(?m)^version = 2", "version = 2\ncolour = 'red'", "colour = 'red'"),
    "key unknown in a stage": ("half_life_days = 90", "half_life_days = 90\nhalf_life = 3", "stages.audience.half_life = 3"),
    "key unknown in a rule": ("weight = 0.25", "weight = 0.25, wieght = 3", "stages.attention.evidence.0.wieght = 3"),
    "weight missing": (", weight = 0.25", "", "stages.attention.evidence.0.weight: Field required"),
    "type missing": ('type = "web.sign_up", ', "", "stages.audience.evidence.0.type: Field required"),
    "half-life missing": ("half_life_days = 90", "", "stages.audience.half_life_days: Field required"),
    "evidence missing": (r"(?s)(half_life_days = 90[^\n]*\nthreshold = 1 [^\n]*\n)evidence = \[.*?\n\]", r"\1", "stages.audience.evidence: Field"),
    "name missing": ("(?m)^name = .*$", "", "name: Field required"),
    "name empty": ("(?m)^name = .*$", "name = ''", "name = ''"),
    "text for a number": ("threshold = 0.4", "threshold = 'one'", "stages.attention.threshold = 'one'"),
    "boolean for a number": ("weight = 0.25", "weight = true", "stages.attention.evidence.0.weight = True"),
    "number for a list": (r"(?s)neutral = \[.*?\]", "neutral = 3", "neutral = 3"),
    "number for a table": (r"(?s)\[stages\.attention\].*?(?=\[stages\.attraction\])", "[stages]\nattention = 3\n", "stages.attention = 3"),
    "threshold negative": ("threshold = 0.4", "threshold = -1", "stages.attention.threshold = -1"),
    "threshold zero": ("threshold = 0.4", "threshold = 0", "stages.attention.threshold = 0"),
    "threshold no number": ("threshold = 0.4", "threshold = nan", "stages.attention.threshold = nan"),
    "threshold endless": ("threshold = 0.4", "threshold = inf", "stages.attention.threshold = inf"),
    "threshold too small": ("(?m)^threshold = .*\n", "threshold = 1e-290\n", "stages.attention.threshold = 1e-290: .*nearer to 0 than 0.000001"),
    "threshold below all floats": ("(?m)^threshold = .*\n", "threshold = 1e-310\n", "stages.attention.threshold = 1e-310: .*0.000001"),
    "threshold too large": ("(?m)^threshold = .*\n", "threshold = 1000001\n", "stages.attention.threshold = 1000001: .*1000000"),
    "weight too small": ("weight = [0-9.]+", "weight = -1e-300", "stages.attention.evidence.0.weight = -1e-300: .*0.000001"),
    "weight too large": ("weight = [0-9.]+", "weight = -1000.5", "stages.attention.evidence.0.weight = -1000.5: .*-1000"),
    "half-life above ten years": ("half_life_days = .*", "half_life_days = 3651", "stages.attention.half_life_days = 3651: .*3650"),
    "cap above a million": ("user = 5", "user = 1000001", "identity.caps.user = 1000001: .*1000000"),
    "too many rules": (r'\{ type = "web.sign_up", weight = [0-9.]+ \},', '{ type = "web.sign_up", weight = 4 },' * 10_001, "stages.audience.evidence = .*10000"),
    "half-life zero": ("half_life_days = 90", "half_life_days = 0", "stages.audience.half_life_days = 0"),
    "half-life below a week": ("half_life_days = 90", "half_life_days = 6.99", "stages.audience.half_life_days = 6.99"),
    "half-life no number": ("half_life_days = 90", "half_life_days = nan", "stages.audience.half_life_days = nan"),
    "half-life endless": ("half_life_days = 90", "half_life_days = inf", "stages.audience.half_life_days = inf"),
    "weight zero": ("weight = 0.25", "weight = 0", "stages.attention.evidence.0 = .*weight must not be 0.*neutral"),
    "weight endless": ("weight = 0.25", "weight = -inf", "stages.attention.evidence.0.weight = -inf"),
    "weight no number": ("weight = 0.25", "weight = nan", "stages.attention.evidence.0.weight = nan"),
    "rating upside down": ("rating_min = 9", "rating_min = 9, rating_max = 8", r"stages.advocacy.evidence.5 = .*rating_min \(9.0\) is above rating_max \(8.0\)"),
    "sentiment upside down": ("weight = 0.25", "weight = 0.25, sentiment_min = 0.5, sentiment_max = 0", r"stages.attention.evidence.0 = .*sentiment_min \(0.5\) is above"),
    "amount upside down": ("weight = 0.25", "weight = 0.25, amount_min = 2, amount_max = 1", r"stages.attention.evidence.0 = .*amount_min \(2.0\) is above"),
    "rating above ten": ("rating_min = 9", "rating_min = 11", "stages.advocacy.evidence.5.rating_min = 11"),
    "rating no number": ("rating_min = 9", "rating_min = nan", "stages.advocacy.evidence.5.rating_min = nan"),
    "sentiment no number": ("weight = 0.25", "weight = 0.25, sentiment_max = nan", "stages.attention.evidence.0.sentiment_max = nan"),
    "amount endless": ("weight = 0.25", "weight = 0.25, amount_max = inf", "stages.attention.evidence.0.amount_max = inf"),
    "type without a verb": ('"social.impression"', '"impression"', "stages.attention.evidence.0.type = 'impression'"),
    "type in upper case": ('"social.impression"', '"Social.Impression"', "stages.attention.evidence.0.type = 'Social.Impression'"),
    "star for the verb": ('"social.impression"', '"social.*"', r"stages.attention.evidence.0.type = 'social.\*'"),
    "neutral type without a verb": ('"campaign.sent"', '"sent"', "neutral.2 = 'sent'"),
    "channel unknown": ('mail = "direct"', 'mail = "letter"', "channels.mail = 'letter'"),
    "area in upper case": ('mail = "direct"', 'Mail = "direct"', "channels.Mail = 'Mail'"),
    "identity as a channel": ('mail = "direct"', 'identity = "direct"', "channels.identity = .*no channel"),
    "channels missing": (r"(?s)\[channels\].*?(?=# Whose)", "", "channels: Field required"),
    "revenue added and subtracted": (r'subtract = \["\*.refund"\]', 'subtract = ["*.purchase"]', r"revenue = .*'\*.purchase'.* both add and subtract"),
    "cap of an unknown kind": ("user = 5", "fax = 5", "identity.caps.fax = 5"),
    "cap zero": ("user = 5", "user = 0", "identity.caps.user = 0"),
    "cap with a fraction": ("user = 5", "user = 5.5", "identity.caps.user = 5.5"),
    "nobody that is no text": (r"nobody = \[\]", "nobody = [0]", "identity.nobody.0 = 0"),
    "version 3": ("(?m)^version = 2", "version = 3", "version = 3.*1 or 2"),
    "version missing": ("(?m)^version = 2", "", "version: Field required"),
    "version as text": ("(?m)^version = 2", "version = '2'", "version = '2'"),
    "version 1 with what came later": ("(?m)^version = 2", "version = 1", r"\(file\) = .*negative, stages.affinity.evidence.5.mood, .*: needs version = 2"),
    "mood unknown": ('mood = "negative"', 'mood = "angry"', "stages.affinity.evidence.6.mood = 'angry'.*'negative' or 'not negative'"),
    "mood in a stage": ("half_life_days = 90", "half_life_days = 90\nmood = 'negative'", "stages.audience.mood = 'negative'"),
    "negative below what sentiment can be": ("sentiment_max = -0.3", "sentiment_max = -1.3", "negative.sentiment_max = -1.3"),
    "negative above what ratings can be": ("rating_max = 2 ", "rating_max = 11 ", "negative.rating_max = 11"),
    "negative by something else": ("sentiment_max = -0.3", "sentiment_min = -0.3", "negative.sentiment_min = -0.3"),
}  # fmt: skip


def mistaken(name):
    pattern, replacement, says = MISTAKES[name]
    text, changes = re.subn(pattern, replacement, TEXT, count=1)
    assert changes == 1
    return text, says


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_key(name):
    text, says = mistaken(name)
    with pytest.raises(ModelError, match=r"^my\.toml cannot be used:\n(.|\n)*  " + says):
        parse_model(text, name="my.toml")


def test_every_mistake_is_told_at_once():
    text = TEXT.replace("threshold = 0.5", "threshold = -1").replace('mail = "direct"', 'mail = "letter"')
    with pytest.raises(ModelError) as told:
        parse_model(text)
    keys = re.findall(r"(?m)^  (\S+)", str(told.value))
    assert keys == [
        "channels.mail",
        *(f"stages.{stage}.threshold" for stage in ("attraction", "advocacy")),
    ]


def test_a_model_that_was_accepted_before_a_bound_stays_readable():
    text, _ = mistaken("threshold too small")
    assert parse_model(text, stored=True).stages[0].threshold == 1e-290


@pytest.mark.parametrize("text", ["version = ", "{}", "version = 1\nversion = 1", '{"version": 1}'])
def test_what_is_no_toml_is_told_with_its_place(text):
    with pytest.raises(ModelError, match=r"^my\.toml is not TOML: .*(line \d+|end of document)"):
        parse_model(text, name="my.toml")


def test_an_empty_file_lacks_every_table():
    with pytest.raises(ModelError) as told:
        parse_model("")
    assert re.findall(r"(?m)^  (\w+): Field required$", str(told.value)) == [
        "version",
        "name",
        "channels",
        "stages",
    ]


# JSON Schema, for editors: it knows the default and all mistakes but those about two keys at once.
BEYOND_JSON_SCHEMA = {
    "rating upside down",
    "sentiment upside down",
    "amount upside down",
    "revenue added and subtracted",
}


def editor(text):
    schema = json.loads((SCHEMAS / "apath.v2.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema).is_valid(tomllib.loads(text))


def test_the_default_model_passes_the_json_schema():
    assert editor(TEXT)


# JSON has neither NaN nor infinity, and a schema bounds no amount.
SAID_IN_JSON = [
    name for name in MISTAKES if "no number" not in name and not ("endless" in name and "amount" in name)
]


@pytest.mark.parametrize("name", SAID_IN_JSON)
def test_the_json_schema_finds_the_mistakes_that_it_can_say(name):
    text, _ = mistaken(name)
    assert editor(text) == (name in BEYOND_JSON_SCHEMA)


def test_the_hash_depends_on_neither_comments_nor_order():
    model = default_model()
    bare = re.sub(r"(?m)\s*#.*$", "", TEXT)
    turned = re.sub(
        r"(?s)evidence = \[\n(.*?)\n\]",
        lambda rules: "evidence = [\n" + "\n".join(reversed(rules[1].split("\n"))) + "\n]",
        bare,
    )
    turned = turned.replace(
        'neutral = ["web.add_to_cart", "support.ticket",', 'neutral = ["support.ticket", "web.add_to_cart",'
    )
    turned = turned.replace(
        'social = "social"\ncommunity = "social"', 'community = "social"\nsocial = "social"'
    )
    assert turned != bare != TEXT
    assert parse_model(bare).hash == parse_model(turned).hash == model.hash
    assert re.fullmatch("[0-9a-f]{16}", model.hash)


def other(path, value):
    """Another value that is allowed at that path too."""
    if path[-1] == "mood":
        return "negative" if value == "not negative" else "not negative"
    if path == ("negative", "sentiment_max"):
        return value / 2
    if path[0] == "channels":
        return "web" if value == "social" else "social"
    if isinstance(value, str):
        return value + "x"
    return value + 1 if value > 0 else value - 1


def paths(value, path=()):
    """Where the values of a parsed file are."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from paths(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def changed(path):
    """The default file with another value at that path."""
    file = tomllib.loads(TEXT)
    table = file
    for key in path[:-1]:
        table = table[key]
    table[path[-1]] = other(path, table[path[-1]])
    return "\n".join(f"{key} = {toml(value)}" for key, value in file.items())


def test_the_file_written_another_way_is_the_same_model():
    assert (
        parse_model("\n".join(f"{key} = {toml(value)}" for key, value in FILE.items())).hash
        == default_model().hash
    )


@pytest.mark.parametrize(
    "path", [path for path in paths(FILE) if path != ("version",)], ids=lambda p: ".".join(map(str, p))
)
def test_the_hash_changes_with_every_value(path):
    assert parse_model(changed(path)).hash != default_model().hash


@pytest.mark.parametrize(
    "extra",
    [
        "rating_min = 1",
        "rating_max = 9",
        "sentiment_min = 0",
        "sentiment_max = 0",
        "amount_min = 0",
        "amount_max = 0",
        "mood = 'negative'",
        "mood = 'not negative'",
    ],
)
def test_the_hash_changes_with_every_condition(extra):
    text = TEXT.replace("weight = 0.25", "weight = 0.25, " + extra)
    assert parse_model(text).hash != default_model().hash


def test_the_hash_changes_with_nobodies():
    assert parse_model(TEXT.replace("nobody = []", 'nobody = ["kiosk"]')).hash != default_model().hash
