"""A little history whose loyalty numbers and user ids are kept readable, in a data directory."""

from journey.identity.handle_key import HandleKey
from streams.edge.handles import HandleHasher
from streams.embedded.embedded import Embedded
from streams.handles.readable import ReadableReader
from streams.settings import ReadableKinds, Settings
from tests.fixtures.directories import with_tables
from tests.privacy.people import BRAND, KEY, event

__all__ = ["KINDS", "NOW_US", "PEOPLE", "VALUES", "customer", "given", "load", "opened", "people", "rows"]

NOW_US = 1_780_617_600_000_000  # 2026-06-05
KINDS = "user loyalty"
PEOPLE = 12
VALUES = [f"u-planted-{n}" for n in range(PEOPLE)] + [f"LUM-PLANTED-{n}" for n in range(PEOPLE)]


def people(numbers=range(PEOPLE), when: str = "") -> list[bytes]:
    """Return two events of each person: with user and cookie, then with user, card, e-mail address and phone number."""
    found = []
    for n in numbers:
        user = {"user": f"u-planted-{n}"}
        more = {
            "loyalty": f"LUM-PLANTED-{n}",
            "email": f"p{n}.planted@example.org",
            "phone": f"+33 6 12 34 56 {n:02}",
        }
        found += [
            event(f"view{n}", "web.page_view", n, user | {"cookie": f"cookie-planted-{n}"}, when),
            event(
                f"buy{n}", "store.purchase", 0 if n % 2 else n, user | more, when, amount=3.5, currency="EUR"
            ),
        ]
    return found


def opened(folder, kinds: str = KINDS, **more) -> Embedded:
    settings = Settings(
        with_tables(folder / "data"), handle_key=KEY, readable=ReadableKinds.parse(kinds), **more
    )
    return Embedded(settings, clock=lambda: NOW_US)


def load(embedded, lines, size=7):
    edge = embedded.edge()
    for start in range(0, len(lines), size):
        embedded.load([edge.pack(lines[start : start + size], topic="file", now_us=NOW_US)])
    embedded.tick()


def customer(number: int, key: bytes = KEY) -> int:
    """Return a name of a person: the id of their user id."""
    return HandleHasher(HandleKey(key, separate=True)).id("user", f"u-planted-{number}", BRAND)


def given(embedded, numbers=range(PEOPLE), key: bytes = KEY):
    """Return what is given back of people, by number."""
    names = {number: customer(number, key) for number in numbers}
    found = ReadableReader.of_settings(embedded.settings).of(
        embedded.store, {(BRAND, one) for one in names.values()}
    )
    return {number: found[BRAND, one] for number, one in names.items()}


def rows(embedded) -> int:
    return embedded.store.rows("SELECT count() AS n FROM readable_handles")[0]["n"]
