"""Handles: one form for what is one value, nobody for what names no one, ids that keep kinds apart."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    PhoneNumberFormat,
    example_number,
    format_number,
)

from journey.identity import phone
from journey.identity.handle import KINDS, NOBODY, normalise
from journey.identity.handle_key import HandleKey, handle_id

KEY = b"k" * 32
kinds = st.sampled_from(KINDS)
awkward = st.text(
    st.sampled_from(' @:-.+0/null\tß\u0130\u00a0\ufb01\u2460aB9(<>{}"\u200b\u200d;x'), max_size=12
)


@given(kinds, st.text(max_size=20) | awkward)
@example("phone", "00")
@example("phone", "00 a")
@example("social", "ig:@@ann")
@example("social", "@ @ann")
@example("social", "@null")
@example("loyalty", "n u-ll")
@example("email", "\u0130")
@example("email", "<<a@b>")
@example("email", "mailto:mailto:a@b")
@example("email", "a@\u200d\u00df..")
@example("phone", "+54 9 011 15 2345 6789")
@example("phone", "0000 33 612345678")
@example("user", "\u200b null")
def test_normalising_twice_changes_nothing(kind, value):
    once = normalise(kind, value)
    assert once is None or normalise(kind, once) == once


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value",
    [
        *sorted(NOBODY), "", "  ", "0", "0000-0000-0000", " NULL ", "Undefined", "+00 00", "\0", "\u200b", "\ufeff \u2060",
        "(null)", '"null"', "'NULL'", "\u201cnull\u201d", "<None>", "[ undefined ]", '\\\\"null\\\\"', "nu\u200bll", "\uff2eull",
        "null null", "undefined-undefined", "-1", "{{user.id}}", "{{ email }}", "${user_id}", "#{id}", "%%EMAIL%%",
        "%EMAIL%", "*|EMAIL|*", "<%= id %>", "{% id %}", "[[id]]", "[email]", "<user>", "{userId}", "[Adresse e-mail]", "{0}",
        "%s", "x {{a}} y", "00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}", "0x0000",
        "9774D56D682E549C", "02:00:00:00:00:00", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "[object Object]", "NaN", "N/A",
        "***", "---", "Walk-In", "WALKIN", "Guest", "#N/A", "#Ref!", "\\N", "%7B%7Buser.id%7D%7D", "%7b%7B email %7D%7d",
        "%22null%22", "%5Bobject%20Object%5D", "[object%20Object]", "f" * 32, "F" * 16, "0xffffffff", "%00", "%4E%55%4C%4C", "nullptr", "Optional(nil)", "%!s(<nil>)", "UNKNOWN_USER", "N / A", "\u2013", "\u2800",
        "d41d8cd98f00b204e9800998ecf8427e", "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", "%25" * 3_000 + "%20", "ff-ff-ff-ff-ff-ff-ff-ff",
        "$userId", "$user_id", "$EMAIL", "__USER_ID__", "@@user@@", "id=__EMAIL__",
    ],
)  # fmt: skip
def test_what_code_writes_when_it_knows_no_one_is_nobody(kind, value):
    assert normalise(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("social", "instagram:null"), ("social", "@undefined"), ("social", "instagram:@"), ("user", "shopify:null"),
        ("email", "undefined@example.com"), ("email", "None@none.com"), ("email", "noemail@noemail.com"), ("email", "@x.example"),
        ("email", "ann@"), ("email", "no-reply@shop.example"), ("email", "{{first}}.{{last}}@example.com"),
        ("phone", "+33"), ("phone", "0033"), ("phone", "+"), ("phone", "(none)"), ("phone", "17"), ("phone", "+33 12"),
        ("phone", "+336123456789"), ("phone", "+999 612345678"), ("phone", "+33 0 00 00 00 00"), ("phone", "+1 555 0123"),
        ("email", "no.reply@x.example"), ("email", "noreply+12@x.example"), ("social", "instagram:__USER_ID__"), ("user", "shopify:__USER_ID__"), ("social", "shopify:0"), ("social", "urn:uuid:00000000-0000-0000-0000-000000000000"), ("phone", "000 000"), ("phone", "tel:"), ("phone", "6" * 16),
    ],
)  # fmt: skip
def test_what_could_be_anybody_is_nobody(kind, value):
    assert normalise(kind, value) is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "reply@x.example"), ("email", "test@test.com"), ("email", "null.smith@example.com"), ("email", "guest@hotel.example"), ("user", "Null\u00e9"),
        ("user", "1"), ("user", "db1:0"), ("user", "ffffffff"), ("user", "$cashtag"), ("user", "$david"), ("user", "__ANNA__"), ("user", "%2561nn"), ("social", "__ann__"), ("user", "100%25"), ("user", "-10023456789"), ("social", "instagram:___"), ("social", "x:none_of_us"), ("social", "\U0001f600"),
        ("device", "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}"), ("cookie", '{"a":{"b":1}}'), ("cookie", "GA1.2.100.200"),
        ("phone", "+33 6 39 98 01 01"), ("phone", "+1 202 555 0143"), ("phone", "0612345678"), ("loyalty", "000-123"),
    ],
)  # fmt: skip
def test_what_may_be_somebody_is(kind, value):
    assert normalise(kind, value) is not None


@pytest.mark.parametrize(
    ("kind", "same"),
    [
        ("email", [" Ann@Example.org ", "ann@example.ORG", "\uff41nn@example.org"]),
        (
            "email",
            [
                "ann@b\u00fccher.example",
                "Ann@BU\u0308CHER.example.",
                "ann@xn--bcher-kva.example",
                "ann@XN--BCHER-KVA.example",
            ],
        ),
        (
            "email",
            [
                "ann@example.com",
                "mailto:ann@example.com",
                "Ann Lee <ann@example.com>",
                "a\u200bnn@exam\u00adple.com",
                "ann\0@example.com",
            ],
        ),
        ("email", ["jose\u0301@x.example", "JOS\u00c9@x.example"]),
        ("email", ["a@\U0001f4a9.la", "a@xn--ls8h.la"]),
        (
            "phone",
            [
                "+33 6 12 34 56 78",
                "0033612345678",
                "+33.6.12.34.56.78",
                "(+33) 612345678"[1:],
                "+33 (0)6 12 34 56 78",
                "tel:+33-6-12-34-56-78",
                "\uff0b\uff13\uff13 \uff16 12 34 56 78",
                "+\u0663\u0663\u0666\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
                "+33\u00a06\u00a012\u00a034\u00a056\u00a078",
                "+330612345678",
                "whatsapp:+33612345678",
            ],
        ),
        ("phone", ["+33639980111", "+33 6 39`98_01*11"]),
        ("phone", ["0612345678", "06 12 34 56 78", "\u0660\u0666 12 34 56 78"]),
        ("phone", ["+33 1 23 45 67 89 ext. 12", "+33123456789;ext=12", "+33 1 23 45 67 89 x12"]),
        ("loyalty", ["ab-12 34", "AB1234"]),
        ("social", ["instagram:@Ann", "Instagram:ann"]),
    ],
)
def test_ways_to_write_one_value_are_one_handle(kind, same):
    assert len({normalise(kind, value) for value in same}) == 1


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "stra\u00dfe@x.example", "strasse@x.example"),
        ("email", "a@stra\u00dfe.example", "a@strasse.example"),
        ("email", "a@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example", "a@\u0646\u0627\u0645\u0647\u0627\u06cc.example"),
        ("email", "x\u00b2@x.example", "x2@x.example"),
        ("phone", "+33 1 23 45 67 89 ext. 12", "+33 1 23 45 67 89 ext. 13"),
        ("phone", "+39 06 1234 5678", "+39 6 1234 5678"),
        ("phone", "+336399801q4", "+33639980144"),
    ],
)  # fmt: skip
def test_two_values_are_two_handles(kind, one, other):
    assert None not in {normalise(kind, one), normalise(kind, other)}
    assert normalise(kind, one) != normalise(kind, other)


NATIONAL = "0612345678"


def test_a_national_number_is_of_its_region():
    one = normalise("phone", "+33 6 12 34 56 78")
    for same in (
        NATIONAL,
        "06 12 34 56 78",
        "06.12.34.56.78",
        "6 12 34 56 78",
        "33612345678",
        "0033612345678",
        one,
    ):
        assert normalise("phone", same, region="FR") == one
    assert normalise("phone", "+44 20 7946 0018", region="FR") == "+442079460018"
    assert normalise("phone", NATIONAL, region="DE") == "+49612345678"
    assert normalise("phone", "1-800-FLOWERS", region="US") == "+18003569377"
    assert normalise("phone", "555 0123", region="US") is None, "of which area is not known"
    assert normalise("phone", "06 12", region="FR") is None


@given(
    st.integers(1, 999) | st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)),
    st.text("0123456789", min_size=1, max_size=14),
    st.lists(st.sampled_from([" ", "-", ".", ") ", "", " ("]), min_size=15, max_size=15),
    st.sampled_from(["", "FR", "US", "GB", "DE", "IT", "AR", "BR", "RU"]),
)
def test_a_plain_number_is_what_the_library_makes_of_it(country, national, between, region):
    for digits in (f"+{country}{national}", national, f"0{national}"):
        text = "".join(map("".join, zip(digits, ["", *between], strict=False)))
        assert phone.international(text, region) == phone._by_library(text, region)


def test_most_plain_numbers_need_no_library():
    numbers = [example_number(region) for region in SUPPORTED_REGIONS]
    texts = [format_number(number, PhoneNumberFormat.E164) for number in numbers if number]
    assert sum(phone._plain(text) == text for text in texts) > 0.9 * len(texts)
    assert phone._plain_national("0612345678", "FR") == "+33612345678"


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


@given(st.sampled_from(KINDS), st.text(min_size=1), st.text(), st.text())
def test_with_separate_brands_a_handle_is_another_one_with_each(kind, value, brand, other):
    shared, separate = HandleKey(KEY), HandleKey(KEY, separate=True)
    assert shared.id(kind, value, brand) == shared.id(kind, value, other) == handle_id(KEY, kind, value)
    assert (separate.id(kind, value, brand) == separate.id(kind, value, other)) == (brand == other)
    assert separate.id(kind, value, brand) != shared.id(kind, value)
    assert separate.id(kind, value, brand) == separate.within(separate.base(kind, value), brand)


def test_a_fingerprint_tells_key_and_mode_and_a_successor_wraps_both_modes():
    later = KEY + bytes(range(100, 132))
    keys = [HandleKey(key, separate=separate) for key in (KEY, later) for separate in (False, True)]
    assert len({key.fingerprint for key in keys}) == 4
    assert [key.fingerprint.endswith("-separate") for key in keys] == [False, True, False, True]
    for old, new in zip(keys[:2], keys[2:], strict=True):
        identifier = old.id("email", "ann@example.com", "nova")
        assert new.wrapped(identifier) == new.id("email", "ann@example.com", "nova")
        assert new.rank(new.wrapped(identifier)) == identifier
        assert new.first(1).fingerprint == old.fingerprint


def test_ids_of_shared_brands_are_those_that_stores_have():
    """Recorded before brands could be separate: another id would make everybody new."""
    key = HandleKey(bytes(range(32)))
    assert key.id("email", "ann@example.com", "nova") == 10_611_024_729_179_955_573
    assert key.fingerprint == "123f233d7b52fa34"
