"""What brands have in common: nothing in a new store; everything where they share handles, as older stores do."""

import json
from dataclasses import replace

import pytest

from journey.identity.handle_key import HandleKey
from streams.analysis.verify import verify
from streams.dead_letters.letters import listed, replay
from streams.edge import Edge
from streams.embedded.embedded import Embedded
from streams.embedded.rotate import rotate
from streams.erasure.statements import is_denied
from streams.handles.key import in_force
from streams.handles.named_handles import named
from streams.handles.unknown_key import UNKNOWN_KEY
from streams.log.frame import decode, encode
from streams.settings import Settings, SettingsError
from tests.on_server.conftest import Command
from tests.privacy.people import KEY

NOW_US = 1_780_617_600_000_000  # 2026-06-05
ANN, BOB = "ann@example.com", "bob@example.com"
CUSTOMERS = """
SELECT brand, count() AS customers, sum(touches) AS touches FROM journeys_at(at = '2026-06-05 00:00:00')
GROUP BY brand ORDER BY brand
"""


def line(name, brand, kind="web.click", **handles):
    event = {"id": name, "source": "s", "type": kind, "time": "2026-06-01T00:00:00Z"}
    return json.dumps(event | {"data": {"brand": brand, "handles": handles}}).encode()


TWO_OF_LUMIERE = [line("1", "lumiere", email=ANN, cookie="a"), line("2", "lumiere", email=BOB)]
JOINED_BY_NOVA = [
    line("3", "nova", email=[ANN, BOB]),
    line("4", "nova", "identity.link", email=[ANN, BOB]),
    line("5", "nova", "identity.unlink", email=ANN, cookie="a"),
]


def settings(folder, brands=""):
    return Settings(folder / "data", handle_key=KEY, brands=brands)


def opened(folder, brands=""):
    return Embedded(settings(folder, brands), clock=lambda: NOW_US)


def load(embedded, lines):
    done = embedded.load([embedded.edge().pack(lines, topic="t", now_us=NOW_US)])
    embedded.tick()
    return done


def customers(embedded):
    return {row["brand"]: row["customers"] for row in embedded.store.rows(CUSTOMERS)}


@pytest.mark.parametrize(("brands", "of_lumiere"), [("", 2), ("separate", 2), ("shared", 1)])
def test_links_that_one_brand_says_reach_customers_of_another_only_where_handles_are_shared(
    tmp_path, brands, of_lumiere
):
    with opened(tmp_path, brands) as embedded:
        load(embedded, TWO_OF_LUMIERE + JOINED_BY_NOVA[:2])
        assert customers(embedded) == {"lumiere": of_lumiere, "nova": 1}
        load(embedded, JOINED_BY_NOVA[2:])
        assert [check.name for check in verify(embedded) if check.drift] == []
        links = embedded.store.rows(_LINKS, {"ids": [embedded.key.id("email", ANN, "lumiere")]})
        assert [bool(link["withdrawn"]) for link in links] == ([False] if of_lumiere == 2 else [False, True])


_LINKS = """
SELECT max(withdrawn_at) IS NOT NULL AS withdrawn FROM identity_links
WHERE left_handle IN {ids:Array(UInt64)} OR right_handle IN {ids:Array(UInt64)}
GROUP BY left_handle, right_handle ORDER BY withdrawn
"""


def test_a_store_from_before_the_setting_stays_as_it_is_and_the_other_mode_is_refused(tmp_path):
    with opened(tmp_path, "shared") as embedded:
        load(embedded, TWO_OF_LUMIERE)
        assert in_force(embedded.store) == HandleKey(KEY).fingerprint
    (tmp_path / "data" / "brands").unlink()  # older programs had none
    with opened(tmp_path) as embedded:
        assert load(embedded, TWO_OF_LUMIERE).stored == 0, "everybody is who they were"
        assert not embedded.key.separate
    with pytest.raises(SettingsError, match="JOURNEY_BRANDS = 'separate': brands of this store are shared"):
        opened(tmp_path, "separate")
    with opened(tmp_path / "new") as embedded:
        load(embedded, TWO_OF_LUMIERE)
    (tmp_path / "new" / "data" / "brands").unlink()
    with pytest.raises(SettingsError, match="brands of this store are separate"):
        opened(tmp_path / "new", "shared")
    with opened(tmp_path / "new") as embedded:
        assert embedded.key.separate
    assert (tmp_path / "new" / "data" / "brands").read_text() == "separate"


def test_frames_of_the_other_mode_wait_as_dead_letters_that_say_what_to_set(tmp_path):
    shared = Edge(KEY).pack(TWO_OF_LUMIERE + JOINED_BY_NOVA[:1], topic="t", now_us=NOW_US)
    with opened(tmp_path) as embedded:
        load(embedded, TWO_OF_LUMIERE)
        done = embedded.load([decode(encode(shared))])
        assert (done.stored, done.dead_letters) == (0, {UNKNOWN_KEY: 3})
        assert "set JOURNEY_BRANDS=separate" in listed(embedded.store)[1][0]["detail"]
        again = replay(embedded, UNKNOWN_KEY)
        assert (again.refused, again.outcome.stored, again.outcome.duplicates) == (0, 1, 2)
        assert customers(embedded) == {"lumiere": 2, "nova": 1}
    separate = Edge(HandleKey(KEY, separate=True)).pack(TWO_OF_LUMIERE, topic="t", now_us=NOW_US)
    with opened(tmp_path / "shared", "shared") as embedded:
        embedded.load([decode(encode(separate))])
        assert "set JOURNEY_BRANDS=shared" in listed(embedded.store)[1][0]["detail"]
        assert replay(embedded, UNKNOWN_KEY).refused == 2, "nobody can tell whose they are"


@pytest.mark.parametrize("brands", ["separate", "shared"])
def test_a_successor_of_the_key_keeps_the_mode(tmp_path, brands):
    later = KEY + bytes(range(100, 132))
    with opened(tmp_path, brands) as embedded:
        load(embedded, TWO_OF_LUMIERE)
    with Embedded(replace(settings(tmp_path), handle_key=later), clock=lambda: NOW_US) as embedded:
        rotate(embedded)
        assert embedded.key.separate == (brands == "separate")
        assert load(embedded, TWO_OF_LUMIERE).stored == 0
        assert load(embedded, JOINED_BY_NOVA[:1]).stored == 1
        assert customers(embedded)["lumiere"] == (2 if brands == "separate" else 1)


def journey(folder, *words, code=0):
    command = Command({"JOURNEY_HANDLE_KEY": KEY.hex()})
    printed = command(*words, "--data", str(folder / "data"), code=code)
    return printed if code == 0 else command.errors


@pytest.fixture
def known(tmp_path):
    """Ann with two brands, and with a third in a dead letter alone."""
    lines = [*TWO_OF_LUMIERE, line("6", "nova", email=ANN, cookie="a")]
    letter = line("7", "third", email=ANN).replace(b"web.click", b"no type")
    with opened(tmp_path) as embedded:
        load(embedded, [*lines, letter])
    return tmp_path


def test_forget_by_value_erases_them_with_every_brand_or_with_one(known):
    whole = json.loads(journey(known, "forget", f"email:{ANN}", "--dry-run", "--json"))["erased"]
    assert (whole["handles"], whole["events"], whole["links"], whole["dead_letters"]) == (4, 2, 2, 1)
    one = json.loads(journey(known, "forget", f"email:{ANN}", "--brand", "nova", "--json"))["erased"]
    assert (one["handles"], one["events"], one["dead_letters"]) == (2, 1, 0)
    rest = json.loads(journey(known, "forget", f"email:{ANN}", "--json"))["erased"]
    assert (rest["handles"], rest["events"], rest["dead_letters"]) == (2, 1, 1)
    with opened(known) as embedded:
        assert customers(embedded) == {"lumiere": 1}, "Bob stays"


def test_consent_denied_holds_with_every_brand_and_with_one_to_come_that_is_named(known):
    journey(known, "consent", "deny", f"email:{ANN}")
    journey(known, "consent", "deny", f"email:{ANN}", "--brand", "fourth")
    with opened(known) as embedded:
        for number, brand in enumerate(("lumiere", "nova", "fourth", "fifth")):
            done = load(embedded, [line(f"later-{number}", brand, email=ANN)])
            assert done.stored == (1 if brand == "fifth" else 0), brand
    assert "is taken" in journey(known, "consent", "grant", f"email:{ANN}")
    with opened(known) as embedded:
        assert not is_denied(embedded.store, *(one.id for one in named(f"email:{ANN}", embedded)))


def test_identity_is_shown_and_decided_with_each_brand_or_with_one(known):
    shown = json.loads(journey(known, "identity", "show", f"email:{ANN}", "--json"))
    assert [one["brand"] for one in shown] == ["lumiere", "nova"]
    assert all(len(one["handles"]) == 2 for one in shown)
    alone = json.loads(journey(known, "identity", "show", f"email:{ANN}", "--brand", "nova", "--json"))
    assert alone["customer"] == shown[1]["customer"]
    told = json.loads(
        journey(known, "identity", "unlink", f"email:{ANN}", "cookie:a", "--brand", "nova", "--json")
    )
    assert told["one"] != told["other"]
    both = journey(known, "identity", "show", f"email:{ANN}")
    of_lumiere, of_nova = both.split(" of nova: ")
    assert " of lumiere: " in of_lumiere
    assert ("withdrawn" in of_lumiere, "withdrawn" in of_nova) == (False, True)
    refused = journey(known, "identity", "link", f"email:{ANN}", "cookie:never-seen", code=2)
    assert "say with --brand which it is" in refused
    told = json.loads(journey(known, "identity", "link", f"email:{ANN}", f"email:{BOB}", "--json"))
    assert (told["brand"], told["one"]) == ("lumiere", told["other"])
    assert "lumiere" in journey(known, "explain", f"email:{ANN}", "--brand", "lumiere")
    assert "nothing is known" in journey(known, "explain", f"email:{BOB}", "--brand", "nova", code=2)
