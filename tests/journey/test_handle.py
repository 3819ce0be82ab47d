"""Handles: one form for what is one value, nobody for what names no one, ids that keep kinds apart."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journey.handle import KINDS, NOBODY, handle_id, normalise

KEY = b"k" * 32
kinds = st.sampled_from(KINDS)
awkward = st.text(st.sampled_from(" @:-.+0/null\tß\u0130\u00a0\ufb01\u2460aB9("), max_size=12)


@given(kinds, st.text(max_size=20) | awkward)
@example("phone", "00")
@example("phone", "00 a")
@example("social", "ig:@@ann")
@example("social", "@ @ann")
@example("social", "@null")
@example("loyalty", "n u-ll")
@example("email", "\u0130")
def test_normalising_twice_changes_nothing(kind, value):
    once = normalise(kind, value)
    assert once is None or normalise(kind, once) == once


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value", [*sorted(NOBODY), "", "  ", "0", "0000-0000-0000", " NULL ", "Undefined", "+00 00"]
)
def test_what_code_writes_when_it_knows_no_one_is_nobody(kind, value):
    assert normalise(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("email", [" Ann@Example.org ", "ann@example.ORG", "\uff41nn@example.org"]),
        ("phone", ["+33 6 12 34 56 78", "0033612345678", "+33.6.12.34.56.78", "(+33) 612345678"[1:]]),
        ("loyalty", ["ab-12 34", "AB1234"]),
        ("social", ["instagram:@Ann", "Instagram:ann"]),
    ],
)
def test_ways_to_write_one_value_are_one_handle(kind, same):
    assert len({normalise(kind, value) for value in same}) == 1


@pytest.mark.parametrize("kind", ["cookie", "device", "user"])
def test_cookies_devices_and_user_ids_keep_their_case(kind):
    assert normalise(kind, " aB ") == "aB"


def test_a_model_can_name_more_nobodies():
    assert normalise("cookie", "TEST", NOBODY | {"test"}) is None
    assert normalise("cookie", "TEST") == "TEST"


@given(kinds, kinds, st.text(max_size=5), st.text(max_size=5))
def test_ids_differ_as_soon_as_kind_value_or_key_does(kind, kind2, value, value2):
    same = (kind, value) == (kind2, value2)
    assert (handle_id(KEY, kind, value) == handle_id(KEY, kind2, value2)) == same
    assert handle_id(KEY, kind, value) != handle_id(b"x" * 32, kind, value)
    assert 0 < handle_id(KEY, kind, value) < 2**64
