"""A little history in which one person is to be forgotten: what she is known by, and what others share with her."""

import json

from journey.identity.handle_key import HandleKey
from streams.edge.handles import HandleHasher

KEY = bytes(range(32))
BRAND = "maison"
ANN = {
    "email": "ann.planted@example.org",
    "phone": "+33 6 12 34 56 78",
    "cookie": "ann-cookie-planted",
    "loyalty": "LUM-PLANTED-1",
}
RAW = (*ANN.values(), "33612345678", "ANN.PLANTED")
KIOSK = {"device": "kiosk-7"}


def identifier(kind: str, value: str, key: bytes = KEY) -> int:
    return HandleHasher(HandleKey(key, separate=True)).id(kind, value, BRAND)


HERS = [identifier(kind, value) for kind, value in ANN.items()]


def event(name: str, type_: str, day: int, handles: dict, when: str = "", **more) -> bytes:
    data = {"brand": BRAND, "handles": handles} | more
    at = f"2026-0{1 + day % 5}-{1 + day % 28:02}T12:00:00Z" if day else "2026-06-04T12:00:00Z"
    return json.dumps(
        {"id": name, "source": "shop", "type": type_, "time": when or at, "data": data}
    ).encode()


def only(*kinds: str) -> dict[str, str]:
    return {kind: ANN[kind] for kind in kinds}


def hers(name: str = "hers", when: str = "") -> list[bytes]:
    """Return events of the one to be forgotten: in several channels, with all of her handles; at one time, if given."""
    return [
        event(f"{name}-1", "web.purchase", 1, only("email", "cookie"), when, amount=12.5, currency="EUR"),
        event(f"{name}-2", "web.page_view", 2, only("cookie"), when),
        event(f"{name}-3", "store.purchase", 3, only("phone", "loyalty"), when, amount=3.25, currency="EUR"),
        event(f"{name}-4", "web.sign_up", 4, only("email", "phone"), when),
        event(f"{name}-5", "web.referral_converted", 0, only("loyalty"), when),
    ]


def others(number: int = 20, name: str = "") -> list[bytes]:
    """Return events of other people, some in the same minutes and of the same types as hers."""
    found = []
    for i in range(number):
        mail = {"email": f"p{i}@example.org"}
        found += [
            event(
                f"{name}buy{i}", "web.purchase", i, mail | {"cookie": f"c{i}"}, amount=1.5 + i, currency="EUR"
            ),
            event(f"{name}view{i}", "web.page_view", i, {"cookie": f"c{i}"}),
            event(f"{name}share{i}", "social.share", i, mail),
        ]
    return found


def mixed() -> list[bytes]:
    """Return what others have with her: a link that was withdrawn, and lines that were refused, one of them about her."""
    friend = {"email": "p1@example.org"}
    return [
        event("both", "web.purchase", 6, friend | only("cookie"), amount=2, currency="EUR"),
        event("apart", "identity.unlink", 7, friend | only("cookie")),
        json.dumps(
            {
                "id": "bad-hers",
                "source": "shop",
                "type": "web.click",
                "data": {"brand": BRAND, "handles": only("email")},
            }
        ).encode(),
        json.dumps(
            {"id": "bad-other", "source": "shop", "data": {"handles": {"email": "p2@example.org"}}}
        ).encode(),
        b"no json: email=%s %s" % (ANN["email"].encode(), ANN["phone"].encode()),
    ]


def crowd(number: int) -> list[bytes]:
    """Return events of people at one device, herself among them."""
    people = [only("loyalty"), *({"loyalty": f"LUM-{i}"} for i in range(number - 1))]
    return (
        [event(f"till{i}", "store.check_in", i, one | KIOSK) for i, one in enumerate(people)]
        if number
        else []
    )


def history(kiosk: int = 0) -> list[bytes]:
    lines = others()
    for place, line in enumerate([*hers(), *mixed(), *crowd(kiosk)]):
        lines.insert(3 * place, line)
    return lines
