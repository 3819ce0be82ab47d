"""The file of audiences: each mistake is named by audience and key, and what is right is read all the same."""

from decimal import Decimal
from pathlib import Path

import pytest

from streams.audiences.config import CONDITIONS, parse, read
from streams.settings import SettingsError

BUNDLED = Path("schemas/examples/audiences.toml")
GOOD = '[[audience]]\nname = "a"\nbrand = "acme"\nstages = ["advocacy"]\n'


def test_the_bundled_file_has_five_and_no_mistake():
    found, mistakes = parse(BUNDLED)
    assert mistakes == []
    assert [one.name for one in found] == [
        "about-to-lapse", "angry-and-worth-most", "seen-in-store-not-bought", "brought-three-friends", "new-at-affinity",
    ]  # fmt: skip
    assert all(one.title and one.description for one in found)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('[[audience]]\nname = "a"\nbrand = "acme"\n', "audience 'a': no condition: there are stages, lapses_within_days, came_to"),
        (GOOD + 'stage = "none"\n', "audience 'a': stage: unknown; there are name, title, description, brand, every_s, stages"),
        (GOOD + "every_s = 4\n", "audience 'a': every_s: Input should be greater than or equal to 5"),
        (GOOD.replace('"advocacy"', '"admiration"'), "audience 'a': stages.0: Input should be 'none', 'attention'"),
        (GOOD.replace('["advocacy"]', "[]"), "audience 'a': stages: Tuple should have at least 1 item"),
        (GOOD.replace('"a"', '"a b"'), "audience 'a b': name: String should match"),
        (GOOD.replace('brand = "acme"\n', ""), "audience 'a': brand: Field required"),
        (GOOD + "seen_within_days = true\n", "audience 'a': seen_within_days: Input should be a valid integer"),
        (GOOD + "seen_within_days = 3\nnot_seen_for_days = 3\n", "audience 'a': not_seen_for_days: nobody was seen within these days and was not"),
        (GOOD + 'revenue = { currency = "EUR" }\n', "audience 'a': revenue: min, max or both are needed"),
        (GOOD + 'revenue = { min = 2, max = 1, currency = "EUR" }\n', "audience 'a': revenue: min is above max"),
        (GOOD + "revenue = { min = 2 }\n", "audience 'a': revenue.currency: Field required"),
        (GOOD + 'revenue = { min = nan, currency = "EUR" }\n', "audience 'a': revenue.min: Input should be a finite number"),
        (GOOD + 'revenue = { from = 2, currency = "EUR" }\n', "audience 'a': revenue.from: unknown; there are min, max, currency"),
        (GOOD + 'came_to = { stage = "affinity" }\n', "audience 'a': came_to.within_days: Field required"),
        (GOOD + 'mood = "glad"\n', "audience 'a': mood: Input should be 'negative'"),
        (GOOD + 'sql = "SELECT 1"\n', "audience 'a': sql: is in the place of conditions; stages is given too"),
        (GOOD.replace('stages = ["advocacy"]', 'sql = "SELECT 1; SELECT 2"'), "audience 'a': sql: must be one query"),
        (GOOD.replace("advocacy", "none") + "lapses_within_days = 3\n", "audience 'a': lapses_within_days: there is no lapse from none"),
        (GOOD + GOOD, "audience: name: 'a' is used twice"),
        ("[[audiences]]\n", "audiences: unknown; there are tables [[audience]] and [[destination]]"),
        ("audience = 1\n", "audience: must be tables [[audience]]"),
        ("[[audience\n", "Expected"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path, text, mistake):
    (file := tmp_path / "audiences.toml").write_text(text)
    _, mistakes = parse(file)
    assert mistake in mistakes[0]
    assert str(file) in mistakes[0]
    with pytest.raises(SettingsError, match=r"audiences\.toml"):
        read(file)


def test_every_mistake_is_named_and_what_is_right_is_read(tmp_path):
    (file := tmp_path / "audiences.toml").write_text(
        GOOD + '[[audience]]\nname = "b"\n' + GOOD.replace('"a"', '"c"') + "x = 1\n"
    )
    found, mistakes = parse(file)
    assert [one.name for one in found] == ["a"]
    assert [line.partition("audience ")[2][:3] for line in mistakes] == ["'b'", "'c'"]


def test_amounts_are_read_as_they_are_written(tmp_path):
    (file := tmp_path / "audiences.toml").write_text(GOOD + 'revenue = { min = 0.1, currency = "EUR" }\n')
    (one,) = read(file)
    assert one.revenue is not None
    assert one.revenue.min == Decimal("0.1")


def test_every_condition_is_described():
    page = Path("deploy/docs/guide/audiences.md").read_text(encoding="utf-8")
    assert [name for name in CONDITIONS if f"`{name}" not in page and f"\n{name} =" not in page] == []
