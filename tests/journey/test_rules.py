"""Rules of handles: a value keeps its form under earlier rules, and two people that these took for one are not joined."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.identity.handle import KINDS, normalise
from journey.identity.rules import FIRST, HandleRules

FR = HandleRules.of_regions("FR")
SECOND = HandleRules()
AFTER_FIRST = HandleRules(earlier=(FIRST,))
FR_AFTER_FIRST = HandleRules("FR", earlier=(FIRST,))
BRANDS = HandleRules("FR", (("nova", "DE"),), earlier=(FIRST,))
MOBILE = "+33612345678"


@pytest.mark.parametrize(
    ("rules", "kind", "value", "forms"),
    [
        (AFTER_FIRST, "phone", MOBILE, [MOBILE]),
        (AFTER_FIRST, "phone", "+33 (0)6 12 34 56 78", ["+330612345678", MOBILE]),
        (AFTER_FIRST, "phone", f"tel:{MOBILE}", ["33612345678", MOBILE]),
        (AFTER_FIRST, "phone", "0612345678", ["0612345678"]),
        (FR_AFTER_FIRST, "phone", "0612345678", ["0612345678", MOBILE]),
        (FR_AFTER_FIRST, "phone", "+33", []),
        (FR_AFTER_FIRST, "phone", "1-800-FLOWERS", []),
        (HandleRules("US", earlier=(FIRST,)), "phone", "1-800-FLOWERS", ["+18003569377"]),  # 1800 was many
        (HandleRules("FR", earlier=(SECOND,)), "phone", "0612345678", ["0612345678", MOBILE]),
        (HandleRules("FR", earlier=(FIRST, SECOND)), "phone", "0612345678", ["0612345678", MOBILE]),
        (
            HandleRules("DE", earlier=(FR,)),
            "phone",
            "0612345678",
            ["+49612345678"],
        ),  # another country's is another's
        (AFTER_FIRST, "email", "ann@bücher.example", ["ann@bücher.example", "ann@xn--bcher-kva.example"]),
        (AFTER_FIRST, "email", "ann@xn--bcher-kva.example", ["ann@xn--bcher-kva.example"]),
        (AFTER_FIRST, "email", "straße@x.example", ["straße@x.example"]),  # strasse@ was two people
        (AFTER_FIRST, "email", "a@straße.example", ["a@xn--strae-oqa.example"]),
        (AFTER_FIRST, "email", "mailto:Ann@example.com", ["mailto:ann@example.com", "ann@example.com"]),
        (AFTER_FIRST, "email", "ann\u200b@example.com", ["ann\u200b@example.com", "ann@example.com"]),
        (AFTER_FIRST, "cookie", "c\u200b1", ["c\u200b1", "c1"]),
        (AFTER_FIRST, "cookie", "(null)", []),
        (AFTER_FIRST, "user", "u-1", ["u-1"]),
        (HandleRules(), "phone", "+33 (0)6 12 34 56 78", [MOBILE]),
        (FIRST, "phone", "+33 (0)6 12 34 56 78", ["+330612345678"]),
    ],
)
def test_a_value_is_hashed_in_its_earlier_form_too(rules, kind, value, forms):
    assert list(rules.forms(kind, value)) == forms


def test_a_national_number_is_joined_to_its_earlier_form_where_brands_read_it_alike():
    assert BRANDS.forms("phone", "0612345678", brand="nova") == ("+49612345678",), (
        "that of lumiere was the same"
    )
    assert BRANDS.forms("phone", "0612345678", brand="lumiere") == (MOBILE,)
    forms = BRANDS.forms("phone", "0612345678", brand="nova", separate=True)
    assert forms == ("0612345678", "+49612345678")
    assert BRANDS.forms("phone", "+33 (0)6 12345678", brand="nova") == ("+330612345678", MOBILE)


@given(st.sampled_from(KINDS), st.text(max_size=20) | st.text("+33 (0)612.@ßx:\u200b", max_size=16))
def test_the_last_form_is_that_of_the_rules_and_no_earlier_one_is_another_value(kind, value):
    forms = FR_AFTER_FIRST.forms(kind, value)
    now = normalise(kind, value, region="FR")
    assert forms[-1:] == (() if now is None else (now,))
    assert all(now in {normalise(kind, form, region="FR"), normalise(kind, "+" + form)} for form in forms)


def test_somebody_is_looked_for_in_other_spellings_where_there_are_earlier_rules():
    found = FR_AFTER_FIRST.spellings("phone", MOBILE)
    assert set(found) == {MOBILE, "+330612345678", "33612345678", "0612345678", "612345678"}
    assert set(AFTER_FIRST.spellings("phone", MOBILE)) == {MOBILE, "+330612345678", "33612345678"}
    assert set(AFTER_FIRST.spellings("email", "ann@xn--bcher-kva.example")) == {
        "ann@xn--bcher-kva.example",
        "ann@bücher.example",
    }
    assert HandleRules("FR").spellings("phone", MOBILE) == (MOBILE,)


@pytest.mark.parametrize("text", ["", "FR", "FR, nova=DE", "nova=DE,lumiere=FR", "GB,a=b=US"])
def test_regions_are_read_as_they_are_recorded(text):
    rules = HandleRules.of_regions(text)
    assert HandleRules.parse(rules.text) == rules
    assert HandleRules.of_regions("FR, nova=DE").region_of("nova") == "DE"
    assert HandleRules.of_regions("FR, nova=DE").region_of("other") == "FR"


@pytest.mark.parametrize("text", ["fr", "France", "XX", "FR,DE", "=FR", "nova=", "nova=DE,nova=FR", "001"])
def test_what_is_no_region_is_refused(text):
    with pytest.raises(ValueError, match=r"two letters|already"):
        HandleRules.of_regions(text)
