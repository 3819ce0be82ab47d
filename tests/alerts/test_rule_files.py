"""Rules as they stand in the file: its mistakes, and the life of an alert on a figure."""

from datetime import timedelta

import pytest

from journey.alerts import Figure, Limit, Rule, follow
from streams.alerts.config import read
from streams.settings import SettingsError
from tests.alerts.examples import NOW_US

MINUTE_US = 60_000_000
RULE = """
[[rule]]
name = "low"
sql = "SELECT 1 AS figure"
below = 5
"""


def file(tmp_path, text):
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    return read(path, {}.get)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name = ", "nam = "), "rule 1: name: Field required"),
        (('"low"', '"a b"'), "rule 'a b': name: String should match"),
        (('"low"', '"for"'), "rule 'for': name: 'for' is a direction"),
        (("below = 5", "below = '5'"), "rule 'low': below: Input should be a valid number"),
        (("below = 5", "below = nan"), "rule 'low': below: Input should be a finite number"),
        (("below = 5", ""), "rule 'low': one of above, below, rises_by, falls_by says when to alert; none is given"),
        (("below = 5", "below = 5\nabove = 9"), "rule 'low': one of above, below, rises_by, falls_by says when to alert; above and below are given"),
        (("below = 5", "falls_by = 0.2"), "rule 'low': over: falls_by needs it"),
        (("below = 5", "falls_by = 2\nover = '7d'"), "rule 'low': falls_by: Input should be less than or equal to 1"),
        (("below = 5", "below = 5\nover = '7d'"), "rule 'low': over: is only for rises_by and falls_by"),
        (("below = 5", "rises_by = 1\nover = '1s'"), "rule 'low': over: must be from every to 90d"),
        (("below = 5", "below = 5\nevery = 'often'"), "rule 'low': every: must be a number with s, m, h or d"),
        (("below = 5", "below = 5\nevery = '1s'"), "rule 'low': every: must be from 10s to 7d"),
        (("below = 5", "below = 5\nevery = 60"), "rule 'low': every: must be a number with s, m, h or d"),
        (("below = 5", "below = 5\nseverity = 'bad'"), "rule 'low': severity: Input should be 'notice'"),
        (("below = 5", "below = 5\ncolour = 'red'"), "rule 'low': colour: Extra inputs are not permitted"),
        (("SELECT 1 AS figure", "SELECT 1; DROP TABLE alerts"), "rule 'low': sql: must be one query"),
        (("[[rule]]", "[rule]"), "rule: must be tables [[rule]]"),
        (("[[rule]]", "[[rules]]"), "rules: unknown; there are tables [[receiver]], [[rule]] and [[feed]]"),
        (("below = 5", "below = 5\n" + RULE), "rule: name: 'low' is used twice"),
        (("below = 5", "below = 5\n[[receiver]]\nname='r'\nkind='slack'\nurl='https://example.com'\nrules=['high']"), "receiver 'r': rules: there is no rule 'high'"),
        (("below = 5", "below = 5\n[[receiver]]\nname='r'\nkind='slack'\nurl='https://example.com'\ndirections=['up']"), "receiver 'r': directions.0: Input should be 'for' or 'against'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_told_with_its_key(tmp_path, change, said):
    with pytest.raises(SettingsError) as error:
        file(tmp_path, RULE.replace(*change))
    assert said in str(error.value)


def looks(rule, *values, every_us=10 * MINUTE_US, before=None):
    alert, said = None, []
    for number, value in enumerate(values):
        seen = Figure("acme", "", value, before, NOW_US + number * every_us)
        alert, change = follow(alert, seen, rule)
        said.append(change.what if change else "")
    return said, alert


def test_a_figure_that_crosses_its_limit_has_the_life_of_an_alert():
    rule = Rule("low", Limit("below", 100), calm=timedelta(minutes=20), cooldown=timedelta(hours=1))
    said, alert = looks(rule, 120, 90, 91, 75, None, 55, 101, 101, 102, 99, 120, 120, 120)
    assert said == ["", "opened", "", "grew", "", "", "", "resolved", "", "reopened", "", "resolved", ""]
    assert (alert.open, alert.people, alert.expected) == (False, 120, 100)
    again, _ = looks(rule, 90, 101, 101, *[101] * 7, 90)
    assert again == ["opened", "", "resolved", *[""] * 7, "opened"]


@pytest.mark.parametrize(
    ("limit", "before", "kept", "broken"),
    [
        (Limit("above", 5), None, 5, 5.1),
        (Limit("below", 5), None, 5, 4.9),
        (Limit("rises_by", 0.5), 10, 15, 15.1),
        (Limit("falls_by", 0.2), 10, 8, 7.9),
        (Limit("falls_by", 1), 10, 0, -1),
        (Limit("rises_by", 0.5), -10, -5, -4.9),
    ],
)
def test_a_limit_is_broken_beyond_it_and_not_at_it(limit, before, kept, broken):
    assert looks(Rule("r", limit), kept, before=before)[0] == [""]
    assert looks(Rule("r", limit), broken, before=before)[0] == ["opened"]


def test_what_is_not_known_raises_nothing():
    assert looks(Rule("r", Limit("rises_by", 0.5)), 5, 500)[0] == ["", ""]
