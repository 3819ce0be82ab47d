"""Personal values planted in every kind of event: good, repeated, refused, broken, with values out of their place."""

import json

from tests.privacy.people import ANN, event, hers

__all__ = ["PLANTED", "RAW", "REFUSED"]

MORE = {"user": "ann-user-planted", "social": "instagram:ann.planted", "device": "ann-device-planted"}
RAW = [
    value.encode()
    for value in (
        *ANN.values(),
        *MORE.values(),
        "33612345678",
        "0612345678",
        "6 12 34 56 78",
        "ANN.PLANTED",
        "lum-planted",
    )
]


def _without(line: bytes, *path: str) -> bytes:
    said = json.loads(line)
    inner = said
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return json.dumps(said).encode()


_GOOD = [
    *hers(),
    event("all", "web.click", 0, ANN | MORE),
    event("caps", "web.click", 0, {"email": ANN["email"].upper()}),
]
REFUSED = [
    _without(_GOOD[0], "time"),
    _without(_GOOD[1], "data", "brand"),
    event("far", "web.click", 0, ANN).replace(b"2026-06-04", b"2126-06-04"),
    event("odd", "web.click", 0, ANN, unknown=ANN["email"]),
    event("list", "web.click", 0, {"email": [ANN["email"], 7]}),
    event("place", "web.click", 0, {"mail": ANN["email"]}),
    event("deep", "web.click", 0, {"email": {"value": ANN["email"], "phone": [ANN["phone"]]}}),
    event("no-amount", "web.purchase", 0, ANN, amount=1.0),
    event("many", "web.click", 0, {"phone": [f"{ANN['phone']}{n}" for n in range(9)]}),
    json.dumps(
        {"email": ANN["email"], "phone": ANN["phone"], "loyalty": ANN["loyalty"], "cookie": ANN["cookie"]}
    ).encode(),
    json.dumps([ANN["email"], ANN["phone"]]).encode(),
    json.dumps(ANN["email"]).encode(),
    b"email=%s;phone=%s" % (ANN["email"].encode(), ANN["phone"].encode()),
    b'{"data":{"handles":{"loyalty":"%s"' % ANN["loyalty"].encode(),
    b'{"handles": {"email": "%s"}, "user": "%s"}\xff' % (ANN["email"].encode(), MORE["user"].encode()),
]
PLANTED = [*_GOOD, *REFUSED, *_GOOD[:3], *REFUSED[:4]]
