"""What the edge decides by a shorter way is what the longer one decides: repeats of handles, and what has no personal form."""

from string import ascii_letters, digits

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from journey.identity.handle import KINDS
from streams.edge import fast_path, personal_forms, repeats
from streams.edge.own_handles import folded, needles
from streams.edge.texts import Hiding
from tests.edge.lines import KEY

# Texts of few letters and digits, so that one is often in another, and with what is folded away or into others.
FEW = st.text(st.sampled_from("aB01 .-_@:+"), min_size=1, max_size=14)
ODD = st.text(st.sampled_from("aB01 .-_é\uff21\uff10\u0660\u00ad@"), min_size=1, max_size=14)
ONE = st.one_of(FEW, ODD)
HANDLES = st.dictionaries(
    st.sampled_from(KINDS), st.one_of(ONE, st.lists(ONE, min_size=1, max_size=3)), min_size=1, max_size=3
)
ALNUM = st.text(st.sampled_from(ascii_letters + digits), max_size=36)
# As identifiers, an IBAN, a card, and a text in hexadecimal digits or base64 begin.
IDS = st.one_of(
    ALNUM,
    st.from_regex(r"[a-f0-9]{15,34}", fullmatch=True),
    st.from_regex(r"(de|DE|gb|fr|No|cc)[0-9]{2}[a-z0-9]{11,30}", fullmatch=True),
    st.from_regex(r"[2-7][0-9a-f]{13,17}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{0,4}[ :.@+&%=\\-][a-z0-9]{0,20}", fullmatch=True),
    ODD,
    FEW,
)


def columns(texts):
    none = [""] * len(texts)
    strings = {name: pa.array(none, pa.string()) for name in fast_path.TEXTS}
    return fast_path.Columns(
        {"properties": [b""] * len(texts)}, strings | {"content": pa.array(texts, pa.string())}
    )


def number(text):
    return text.lstrip("0") if text.isdigit() and len(text.lstrip("0")) >= 6 else text


@given(HANDLES, st.lists(ONE, min_size=1, max_size=4), st.data())
@example({"loyalty": "1234-5678"}, ["x 12345678 y"], None)
@example({"user": "_" * 9}, ["a"], None)
@example({"loyalty": "0001234567"}, ["1234567"], None)
@example({"user": "zoe\uff11\uff12\uff13\uff14"}, ["ZOE 1234"], None)
def test_every_text_that_repeats_a_handle_is_suspect_and_of_ascii_no_other(handles, texts, data):
    sought = {number(folded(text)) for text in needles(handles)}
    if data is not None and sought and data.draw(st.booleans()):
        texts = [*texts, f"a {data.draw(st.sampled_from(sorted(sought)))}!"]
    found = repeats.suspects(range(len(texts)), columns(texts), [repeats.wanted(handles)] * len(texts))
    for place, text in enumerate(texts):
        is_repeated = any(one in folded(text) for one in sought)
        assert place in found or not is_repeated
        if text.isascii() and all(map(str.isascii, sought)):
            assert (place in found) == is_repeated


def test_an_event_whose_handles_cannot_be_read_is_not_looked_at():
    texts = ["ann.lee.77", "ann.lee.77"]
    assert repeats.suspects([4, 9], columns(texts), [None, repeats.wanted({"user": "ann-lee-77"})]) == {9}


@given(IDS, st.booleans())
@example("de89370400440532013000", False)  # noqa: FBT003 - of a code
@example("cc79d6a0e704bd1ab", False)  # noqa: FBT003
@example("616e6e406578616d706c65", False)  # noqa: FBT003
def test_what_is_plain_has_nothing_that_the_search_would_mask(text, is_code):
    if personal_forms.is_plain(text):
        rounds = personal_forms._ROUNDS
        assert personal_forms._hidden(text, lambda _: "#", is_code, rounds) == text


@given(st.lists(IDS, min_size=1, max_size=6))
@example(["order-1", "zoe\uff20example.com"])
def test_ids_are_masked_in_a_column_as_one_by_one(ids):
    hiding = Hiding(KEY)
    assert hiding._ids(ids) == [hiding.name(text) for text in ids]
