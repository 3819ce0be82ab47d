"""The edge: nothing personal gets past it."""

import json

import pytest

from schemas.event import MAX_EVENT_BYTES
from streams.frames import encode
from tests.streams.lines import BASE, CARD, EMAIL, PHONE, SECRETS, event, line, named, pack

TWO = {"email": [EMAIL, "ann@work.example"], "loyalty": ["9700111122223333", CARD]}
FORBIDDEN = [
    *SECRETS.values(),
    "ann@work.example",
    "9700111122223333",
    "annlee77",
    "ann.lee",
    "ann@work",
    "12345678",
    "40128888",
]
PLANTED = {
    "valid": named(SECRETS),
    "valid lists": named(TWO),
    "invalid": named(SECRETS, type="purchase"),
    "invalid lists": named(TWO, time="noon"),
    "ahead": named(SECRETS, time="2027-01-01T00:00:00Z"),
    "no currency": named(SECRETS, id="3") [:-2] + b', "amount": 1}}',
    "in a property": line(data={"properties": {"note": f"call {PHONE} or write to {EMAIL}"}}, type="x"),
    "as a property": line(data={"properties": dict(SECRETS)}, type="x"),
    "deep in a property": line(data={"properties": {"a": [{"customer": {"handles": SECRETS}}]}}, type="x"),
    "as a field": line(data=SECRETS),
    "as a key": line(data={EMAIL: 1}),
    "as a phone key": line(data={PHONE: 1}),
    "as a kind": named({EMAIL: "x"}),
    "card as a kind": named({CARD: "x"}),
    "as a number": named({"loyalty": int(CARD), "phone": 33612345678}),
    "as a fraction": named({"phone": 33612345678.0}),
    "as an object": named({"email": {"value": EMAIL, "work": "ann@work.example"}}),
    "handles as text": line(data={"handles": EMAIL}),
    "handles as a list": line(data={"handles": [{"kind": "loyalty", "value": CARD}, PHONE]}),
    "handles at the top": json.dumps({"handles": SECRETS} | BASE | {"data": {}}).encode(),
    "flat": json.dumps(BASE | SECRETS | {"type": "x"}).encode(),
    "identity as an object": json.dumps(BASE | {"id": SECRETS, "source": [EMAIL]}).encode(),
    "array of events": b"[" + named(SECRETS) + b"," + named(TWO) + b"]",
    "two events": named(SECRETS) + named(TWO),
    "escaped": named(SECRETS, type="x").replace(b"@", b"\\u0040").replace(b"4012", b"\\u00340\\u00312"),
    "escaped and cut": named(SECRETS).replace(b"@", b"\\u0040")[:-1],
    "keys given twice": named(SECRETS).replace(b'"handles"', b'"handles": {"loyalty": "%s"}, "handles"' % CARD.encode())[:-1],
    "byte order mark": b"\xef\xbb\xbf" + named(SECRETS),
    "utf-16": named(SECRETS).decode().encode("utf-16"),
    "utf-16, cut": named(SECRETS).decode().encode("utf-16")[:-6],
    "utf-32": named(SECRETS).decode().encode("utf-32"),
    "latin-1": named(SECRETS | {"user": "Zoë"}).decode().encode("latin-1"),
    "not utf-8": named(SECRETS)[:-2] + b"\xff}}",
    "surrogate": named(SECRETS | {"user": "\\ud83d"}).replace(b"\\\\ud83d", b"\\ud83d"),
    "python": str(event(data={"handles": SECRETS})).encode(),
    "form": "&".join(f"{kind}={value}" for kind, value in SECRETS.items()).encode(),
    "upper case": str({kind.upper(): value for kind, value in SECRETS.items()}).encode(),
    "json in json": json.dumps(named(SECRETS).decode()).encode()[:-1],
    "csv": f"17,{EMAIL};ann@work.example,{PHONE},06 12 34 56 78,{CARD},4012 8888 8888 1881".encode(),
    "too large": named(SECRETS)[:-2] + b', "properties": {"text": "' + b"x" * MAX_EVENT_BYTES + b'"}}}',
    "too large, handles last": b'{"x": "' + b"x" * (MAX_EVENT_BYTES - 200) + b'", "handles": ' + json.dumps(SECRETS).encode() + b"}",
    "too deep": named(SECRETS)[:-2] + b', "properties": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_002,
    "handles too deep": b'{"data": {"handles": ' + b"[" * 600 + b'"%s"' % CARD.encode() + b"]" * 600 + b"}}",
}  # fmt: skip


def legible(frame):
    """Everything in the frame, as bytes to search."""
    return encode(frame) + str(frame.events.to_pylist()).encode() + str(frame.letters.to_pylist()).encode()


@pytest.mark.parametrize("name", PLANTED)
def test_nothing_personal_is_in_a_frame(name):
    frame = pack(PLANTED[name])
    assert len(frame.letters) == (not name.startswith("valid"))
    found = legible(frame).replace(b"\0", b"")
    assert [secret for secret in FORBIDDEN if secret.encode() in found] == []


def test_nothing_personal_is_in_a_line_that_is_cut_anywhere():
    whole = PLANTED["valid"]
    for cut in range(1, len(whole)):
        head, tail = legible(pack(whole[:cut])), legible(pack(whole[cut:]))
        assert [secret for secret in SECRETS.values() if secret.encode() in head] == []
        # Behind the cut a value may lack its name; then only what has a form of its own can be known.
        assert [secret for secret in (EMAIL, PHONE, CARD) if secret.encode() in tail] == []
