"""Values are encrypted for their brand, kind and handle alone; an edge encrypts what is named; old programs read its frames."""

import json
import struct
import zlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey.identity.handle import KINDS
from journey.identity.handle_key import HandleKey
from streams.edge import Edge
from streams.edge.readable import ReadableError, ReadableKey, Sealing
from streams.kafka.parcels import parcels
from streams.log.frame import EVENTS, LETTERS, READABLE, FrameError, decode, encode
from streams.settings import ReadableKinds, SettingsError, readable_wanted
from tests.readable.world import NOW_US

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
KEY = ReadableKey(OLD + NEW)
TEXT = st.text(min_size=1, max_size=40)
HANDLE = st.integers(1, 2**64 - 1)


def line(handles, brand="maison", name="1"):
    said = {"id": name, "source": "shop", "type": "web.page_view", "time": "2026-06-04T12:00:00Z"}
    return json.dumps(said | {"data": {"brand": brand, "handles": handles}}).encode()


def packed(kinds, *lines, trusted=False, **options):
    sealing = Sealing(ReadableKinds.parse(kinds), KEY)
    edge = Edge(HandleKey(bytes(32), **({"separate": True} | options)), trusted=trusted, sealing=sealing)
    return edge.pack(lines, topic="test", now_us=NOW_US)


def values(frame):
    """Return brand, kind and value of what is readable in a frame that has come over the log."""
    readable = decode(encode(frame)).readable
    if readable is None:
        return []
    return sorted(
        (row["brand"], kind, KEY.open(row["brand"], kind, row["handle"], row["sealed"], row["fingerprint"]))
        for row in readable.to_pylist()
        for kind in [KINDS[row["kind"]]]
    )


@given(TEXT, st.sampled_from(KINDS), HANDLE, TEXT, st.sampled_from(KEY.fingerprints))
def test_a_value_comes_back_and_is_the_same_bytes_again(brand, kind, handle, value, name):
    sealed = KEY.seal(brand, kind, handle, value, name)
    assert KEY.open(brand, kind, handle, sealed, name) == value
    assert KEY.seal(brand, kind, handle, value, name) == sealed
    assert len(sealed) == len(value.encode("utf-8", "surrogatepass")) + 16


@given(TEXT, HANDLE, TEXT, st.data())
def test_what_was_changed_or_moved_is_refused(brand, handle, value, data):
    sealed = KEY.seal(brand, "user", handle, value)
    name = KEY.fingerprint
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= data.draw(st.integers(1, 255))
    other = data.draw(HANDLE.filter(lambda one: one != handle))
    for attempt in (
        (brand, "user", handle, bytes(changed), name),
        (brand, "user", handle, sealed[:-1], name),
        (brand, "user", handle, b"", name),
        (brand + "x", "user", handle, sealed, name),
        (brand, "loyalty", handle, sealed, name),
        (brand, "user", other, sealed, name),
        (brand, "user", handle, sealed, KEY.fingerprints[0]),
    ):
        with pytest.raises(ReadableError, match="not as it was encrypted"):
            KEY.open(*attempt)
    with pytest.raises(ReadableError, match=f"under the key {name}, and ours is"):
        ReadableKey(OLD).open(brand, "user", handle, sealed, name)


def test_no_brand_reads_a_kind_that_is_not_named():
    every = {"user": "u-17", "loyalty": ["L-1", "L-2"], "email": "a@example.org", "phone": "+33612345678"}
    found = packed(
        "user, nova=loyalty, lumiere=", *(line(every, brand) for brand in ("maison", "nova", "lumiere"))
    )
    assert values(found) == [
        ("maison", "user", "u-17"),
        ("nova", "loyalty", "L-1"),
        ("nova", "loyalty", "L-2"),
    ]


@pytest.mark.parametrize("mode", [True, False])
def test_each_brand_has_its_own_where_they_share_their_handles_too(mode):
    lines = [line({"user": "u-17"}, brand) for brand in ("a", "b", "a")]
    assert values(packed("user, b=", *lines, separate=mode)) == [("a", "user", "u-17")]
    assert values(packed("user", *lines, separate=mode)) == [("a", "user", "u-17"), ("b", "user", "u-17")]


@pytest.mark.parametrize(
    "value",
    ["ann@example.org", "ANN%40example.org", "ann＠example.org", "+33 6 12 34 56 78", "tel:0612345678"],
)
def test_an_address_or_number_in_the_place_of_an_own_number_is_kept_only_where_it_may_be(value):
    assert values(packed("user", line({"user": value}))) == []
    assert values(packed("maison=user email phone", line({"user": value}))) == [("maison", "user", value)]


def test_denied_events_refused_events_and_hashes_leave_nothing():
    denied = json.loads(line({"user": "u-1"}))
    denied["data"]["consent"] = "denied"
    hashed = line({"user": "#0123456789abcdef"})
    lines = [json.dumps(denied).encode(), line({"user": "u-2"}).replace(b"web.page_view", b"no type")]
    found = packed("user", *lines, hashed, trusted=True)
    assert (found.received, found.readable) == (3, None)


def test_values_that_the_edge_has_at_hand_are_in_every_frame():
    sealing = Sealing(ReadableKinds.parse("user"), KEY)
    edge = Edge(bytes(32), sealing=sealing)
    first, second = (edge.pack([line({"user": "u-17"})], topic="t", now_us=NOW_US) for _ in range(2))
    edge._naming._forget()  # as when too many are at hand
    third = edge.pack([line({"user": "u-17"})], topic="t", now_us=NOW_US)
    assert first.readable.equals(second.readable)
    assert first.readable.equals(third.readable)


def test_a_frame_without_any_is_what_it_was_and_one_with_some_is_read_by_a_program_that_knows_none():
    frame = packed("user", line({"user": "u-17"}), line({"email": "a@example.org"}), b"{")
    plain = packed("nobody=user", line({"user": "u-17"}), line({"email": "a@example.org"}), b"{")
    assert plain.readable is None
    assert encode(plain) != encode(frame)
    for some in (frame, packed("user", line({"user": "u-17"}))):
        data = encode(some)
        _, size, checksum = struct.unpack_from("<4sII", data)
        view = memoryview(data)[12:]
        assert zlib.crc32(view, size) == checksum
        events = pa.ipc.open_stream(view[:size]).read_next_batch()
        letters = pa.ipc.open_stream(view[size:]).read_next_batch()
        assert events.schema.equals(EVENTS)
        assert letters.schema.equals(LETTERS)
        assert events.to_pylist() == some.events.to_pylist()
        assert letters.to_pylist() == some.letters.to_pylist()


def test_a_frame_whose_readable_handles_are_cut_or_others_is_an_error():
    data = encode(packed("user", line({"user": "u-17"})))
    for size in range(12, len(data), 11):
        with pytest.raises(FrameError):
            decode(data[:size])
    odd = packed("user", line({"user": "u-17"}))
    object.__setattr__(odd, "readable", odd.readable.drop_columns(["kind"]))
    with pytest.raises(FrameError, match="other columns of readable handles"):
        decode(encode(odd))
    assert decode(encode(packed("user", line({"user": "u-17"})))).readable.schema.equals(READABLE)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("email", "email is none of a brand's own numbers"),
        ("user cookie", "cookie is none"),
        ("*=user", "named in full"),
        ("=email", "named in full"),
        ("maison=e-mail", "'e-mail' is no kind of handle"),
        ("user, loyalty", "stand twice"),
        ("a=user, a=loyalty", "the brand a stand"),
    ],
)
def test_a_setting_that_names_too_much_or_nothing_is_refused(text, wrong, monkeypatch):
    monkeypatch.setenv("JOURNEY_READABLE", text)
    with pytest.raises(SettingsError, match="JOURNEY_READABLE = ") as told:
        readable_wanted()
    assert wrong in str(told.value)


def test_the_setting_says_kinds_of_all_brands_and_of_single_ones():
    kinds = ReadableKinds.parse("user, nova=user email social, lumiere=")
    assert (kinds.of("maison"), kinds.of("nova"), kinds.of("lumiere")) == (
        ("user",),
        ("user", "email", "social"),
        (),
    )
    assert not ReadableKinds.parse("")
    assert not ReadableKinds.parse("lumiere=")


@pytest.mark.parametrize("partitions", [1, 7])
def test_what_goes_to_a_partition_has_the_values_of_its_own_events_alone(partitions):
    lines = [line({"user": f"u-{n}", "loyalty": f"L-{n % 3}"}, name=str(n)) for n in range(40)]
    frame = packed("user loyalty", *lines, line({"email": "a@example.org"}, name="x"))
    whole = set()
    for parcel in parcels(frame, partitions):
        found = decode(parcel.data)
        named = set(found.events.column("handles").flatten().to_pylist())
        there = set() if found.readable is None else set(found.readable.column("handle").to_pylist())
        assert there <= named
        whole |= there
    assert whole == set(frame.readable.column("handle").to_pylist())
    assert len(whole) == 43
