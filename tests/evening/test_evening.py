"""One evening of a cinema, end to end: what people do on two networks and in the shop, who is told of it, and one who is forgotten."""

import csv
import io
import json
import random
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from tests.collector.adapters.payloads_social import PAGE, comment
from tests.evening.world import BRAND, Evening, in_one_process, on_a_server
from tests.listen.jetstream import POST, person
from tests.privacy.traces import in_files, patterns
from tests.real_workers.conftest import deploy  # noqa: F401 — a fixture

ANGRY = "I hate this horrible queue, zzplanted-text"
FANS = range(2, 10)  # persons of Bluesky, after Ann and Ben
HISTORY, LAPSES_IN_S = 100, 30


def account(number: int) -> dict[str, str]:
    """Return somebody's account at Facebook, with a name that is in no event."""
    return {"id": f"2460100000000{number}", "name": "zzplanted-name"}


def bluesky(number: int) -> dict[str, str]:
    return {"social": f"bluesky:{person(number)}"}


def of_facebook(number: int) -> dict[str, str]:
    return {"user": f"facebook:{account(number)['id']}"}


ANN, BEN, CAT = bluesky(0), bluesky(1), bluesky(10)
DORA, FAY, QUEUE = of_facebook(1), of_facebook(2), range(3, 9)
CARD = {name: {"loyalty": f"LUM-PLANTED-{name}"} for name in ("ANN", "DORA", "EVE", "FAY", "GUS")}
EVE, GUS, HAL = CARD["EVE"], CARD["GUS"], {"email": "hal.planted@example.org"}
RAW = [
    b"zzplanted", b"hal.planted", *(b"LUM-PLANTED-%s" % name.encode() for name in CARD),
    *(account(number)["id"].encode() for number in range(1, 9)), *(person(number).encode() for number in range(11)),
]  # fmt: skip

# Where each of them is at the end, and the weights of what they did: of the five stages, None without evidence.
CAST = {
    "ann": (ANN, "advocacy", [None, 1, 1.5, None, 2]),  # a repost, a check-in, a purchase, a good review
    "ben": (BEN, "none", [None, None, None, None, 0]),  # a repost, and that taken back
    "cat": (CAT, "none", [None, None, -1, None, -1]),  # an angry reply
    "dora": (DORA, "attraction", [None, 1, 0, None, 0]),  # an angry comment, removed; a check-in
    "eve": (EVE, "affinity", [None, 1, 1.5, None, None]),  # a check-in, a purchase
    "fay": (
        FAY,
        "none",
        [None, None, -0.5, None, -1],
    ),  # a purchase, an angry comment, a ticket, and how it was answered
    "gus": (GUS, "none", [None, None, 0.75, None, None]),  # a purchase of sixty days ago, who lapses tonight
    "hal": (HAL, "advocacy", [None, None, None, None, 1]),  # a good review
    **{f"fan {number}": (bluesky(number), "advocacy", [None, None, None, None, 1]) for number in FANS},
    **{f"queue {number}": (of_facebook(number), "none", [None, None, -1, None, -1]) for number in QUEUE},
}
ANGRY_ONES = ("cat", "fay", *(f"queue {number}" for number in QUEUE))  # at the end
EVE_NUMBER = {"loyalty": [CARD["EVE"]["loyalty"]]}
JOINED = (
    "dora",
    "fay",
)  # whose first event joins two handles: on a server they may have had another name for a moment
PATHS = {  # as they are announced
    "ben": [("none", "advocacy", "evidence"), ("advocacy", "none", "evidence")],
    "dora": [("none", "attraction", "evidence")],
    "eve": [("none", "attraction", "evidence"), ("attraction", "affinity", "evidence")],
    "gus": [("none", "affinity", "evidence"), ("affinity", "none", "lapse")],
    "hal": [("none", "advocacy", "evidence")],
    "fay": [("none", "affinity", "evidence"), ("affinity", "none", "evidence")],
    "cat": [],
    "queue 3": [],
}


def three_quiet_days():
    """Return shares of other people, an hour apart: what is usual for the brand."""
    rng, now = random.Random(3), datetime.now(UTC)
    for number in range(HISTORY):
        at = now - timedelta(minutes=rng.randrange(60, 3 * 1440))
        data = {"brand": BRAND, "handles": {"user": f"before-{number}"}, "content": "an older film"}
        event = {"id": f"before-{number}", "source": "before", "type": "social.share", "time": at.isoformat()}
        yield json.dumps(event | {"specversion": "1.0", "data": data}).encode()


TARGET = f"INSERT INTO targets (brand, stage, due, customers) VALUES ('{BRAND}', 'advocacy', '{{due}}', 500)"


@pytest.fixture(params=["server", "one-process"])
def evening(request, tmp_path):
    history = list(three_quiet_days())
    target = TARGET.format(due=date.today() + timedelta(days=3))  # noqa: DTZ011 - any of the next days
    (folder := tmp_path / "evening").mkdir()
    with _shell(request, folder, history, target) as begun:
        yield begun


@contextmanager
def _shell(request, *given):
    if request.param == "one-process":
        with in_one_process(*given) as begun:
            yield begun
    else:
        there = request.getfixturevalue("deploy")(partitions=2)
        with on_a_server(there, *given) as begun:
            yield begun


def test_an_evening(evening):
    repost = people_post_on_two_networks(evening)
    two_take_back_what_they_said(evening, repost)
    people_come_to_the_shop(evening)
    everybody_is_where_the_model_says(evening)
    the_person_on_call_hears_of_each_kind(evening)
    applications_hear_each_change_in_order(evening)
    lists_of_customers_are_kept_and_exported(evening)
    the_brands_own_numbers_come_back_and_no_other(evening)
    one_is_forgotten(evening)


def people_post_on_two_networks(evening: Evening) -> str:
    """Return the key of Ben's repost; Gus, who bought sixty days ago, is about to lapse meanwhile."""
    bought = datetime.now(UTC) - timedelta(days=60) + timedelta(seconds=LAPSES_IN_S)
    evening.shop("store.purchase", GUS, bought, amount=9.5, currency="EUR")
    evening.shop("store.purchase", FAY | CARD["FAY"], amount=9.5, currency="EUR")
    evening.wait(
        lambda: standing(evening, "fay", "gus") == {"fay": "affinity", "gus": "affinity"}, "two who bought"
    )
    posts = [evening.network.repost(person(number)) for number in (0, 1, *FANS)]
    evening.network.reply(person(10), text=ANGRY)
    now = int(datetime.now(UTC).timestamp())
    said = [comment(at=now, number=one, who=account(one), message=ANGRY) for one in (1, 2, *QUEUE)]
    assert evening.facebook(*said, secret="of somebody else").status == 401
    assert evening.facebook(*said[:5]).statuses == ["accepted"] * 5
    assert evening.facebook(*said).statuses == ["duplicate"] * 5 + ["accepted"] * 3, "as Facebook repeats"
    evening.wait(
        lambda: standing(evening, "ben", "fay") == {"ben": "advocacy", "fay": "none"}, "both networks"
    )
    evening.wait(lambda: changes(evening, "angry", "dora") == ["entered"], "an angry Dora in the list")
    evening.wait(lambda: changes(evening, "about-to-lapse", "gus") == ["entered"], "Gus in the other one")
    return posts[1]


def two_take_back_what_they_said(evening: Evening, repost: str) -> None:
    evening.network.delete(person(1), "app.bsky.feed.repost", repost)
    removed = comment("remove", int(datetime.now(UTC).timestamp()), who=None, message=None)
    assert evening.facebook(removed, removed).statuses == ["accepted", "duplicate"]
    evening.wait(lambda: standing(evening, "ben") == {"ben": "none"}, "what was taken back")


def people_come_to_the_shop(evening: Evening) -> None:
    evening.shop("store.check_in", ANN | CARD["ANN"])
    evening.shop("store.check_in", EVE)
    evening.shop("store.check_in", DORA | CARD["DORA"])
    evening.wait(lambda: standing(evening, "eve") == {"eve": "attraction"}, "people at the door")
    evening.shop("store.purchase", EVE, product="popcorn", amount=8.9, currency="EUR")
    evening.shop("store.purchase", CARD["ANN"], product="popcorn", amount=8.9, currency="EUR")
    evening.shop("web.review", CARD["ANN"], rating=5, product="film-aurora")
    evening.shop("web.review", HAL, rating=5, product="film-aurora", text="Lovely, zzplanted-text")
    evening.shop("support.ticket", FAY)
    evening.shop("support.csat", CARD["FAY"], rating=1)


def everybody_is_where_the_model_says(evening: Evening) -> None:
    def as_in_the_cast() -> bool:
        return standing(evening) == {name: stage for name, (_, stage, _) in CAST.items()}

    evening.wait(as_in_the_cast, "everybody at their stage, when Gus has lapsed")
    handles = evening.customers()
    scores = {
        int(row["customer"]): row["scores"] for row in evening.rows("SELECT customer, scores FROM standings")
    }
    for name, (_, _, weights) in CAST.items():
        found = scores[of(evening, name, handles)]
        assert found == [
            None if one is None else pytest.approx(one, rel=1e-3, abs=1e-9) for one in weights
        ], name
    told = evening.run("explain", f"user:facebook:{account(1)['id']}", "--brand", BRAND)
    assert "social.uncomment" in told


def the_person_on_call_hears_of_each_kind(evening: Evening) -> None:
    def opened() -> dict[str, dict]:
        said = [one.json for one in evening.on_call.accepted]
        return {one["data"]["direction"]: one["data"] for one in said if one["type"] == "alert.opened"}

    kinds = {"for", "against", "target-missed", "lapsed", "more-advocates"}
    evening.wait(lambda: opened().keys() >= kinds, "an alert of each kind")
    found = opened()
    assert (found["for"]["people"], found["for"]["scope"]) == (10, {"kind": "content", "value": POST})
    assert (found["against"]["people"], found["against"]["scope"]["value"]) == (8, f"{PAGE}_77")
    assert "100 of 500 customers, 80% below the target" in found["target-missed"]["headline"]
    assert found["more-advocates"]["reason"]["rule"]["before"] == 100
    assert found["lapsed"]["people"] == 1
    assert not [one for one in RAW if any(one in said.body for said in evening.on_call.taken)]


def applications_hear_each_change_in_order(evening: Evening) -> None:
    told = evening.run("feed", "--json", "--brand", BRAND)
    handles = evening.customers()
    before = {handles[evening.handle("user", f"before-{number}")] for number in range(HISTORY)}
    events = [json.loads(line) for line in told.splitlines()]
    tonight = [one for one in events if handles[int(one["subject"], 16)] not in before]
    evening.wait(lambda: len(evening.crm.accepted) >= len(tonight), "the CRM")
    taken = [one.json for one in evening.crm.taken]
    assert sorted(one["id"] for one in taken) == sorted(one["id"] for one in tonight), "each once"
    for source in (tonight, taken):
        said = defaultdict(list)
        for one in source:
            said[int(one["subject"], 16)].append(one)
        for each in said.values():
            assert all(one["sequence"] < after["sequence"] for one, after in pairwise(each))
            assert all(one["data"]["to"] == after["data"]["from"] for one, after in pairwise(each))
        for name, path in PATHS.items():
            who = of(evening, name, handles)
            if name in JOINED and not evening.joins_at_once:
                theirs = [
                    change(one)[:2] for handle, each in said.items() if handles[handle] == who for one in each
                ]
                assert {came[:2] for came in path} <= set(theirs)
                assert said[who][-1]["data"]["to"] == CAST[name][1]
            else:
                assert [change(one) for one in said[who]] == path, name
    numbers = {
        name: one["data"]["handles"]
        for one in taken
        for name in ("eve", "hal")
        if handles[int(one["subject"], 16)] == of(evening, name, handles)
    }
    assert numbers == {"eve": EVE_NUMBER, "hal": {}}
    assert "LUM-PLANTED" not in told


def lists_of_customers_are_kept_and_exported(evening: Evening) -> None:
    handles = evening.customers()
    assert members(evening, "angry") == {of(evening, name, handles) for name in ANGRY_ONES}
    evening.wait(lambda: changes(evening, "about-to-lapse", "gus") == ["entered", "left"], "that Gus left")
    assert members(evening, "about-to-lapse") == set()
    assert changes(evening, "angry", "dora") == ["entered", "left"]
    evening.wait(lambda: len(evening.lists.accepted) == len(ANGRY_ONES) + 4, "who entered and left")
    said = [
        (one.json["type"], one.json["data"]["audience"], int(one.json["subject"], 16))
        for one in evening.lists.taken
    ]
    for name, audience in (("dora", "angry"), ("gus", "about-to-lapse")):
        mine = [
            (kind, of_audience)
            for kind, of_audience, who in said
            if handles[who] == of(evening, name, handles)
        ]
        assert mine == [(f"journey.audience.{what}", audience) for what in ("entered", "left")]


def the_brands_own_numbers_come_back_and_no_other(evening: Evening) -> None:
    handles = evening.customers()
    given = {
        (int(row["customer"], 16), row["value"])
        for row in exported(evening, "readable", "export", "--brand", BRAND)
    }
    assert given == {(of(evening, name.lower(), handles), card["loyalty"]) for name, card in CARD.items()}
    assert [one for folder in evening.folders for one in in_files(folder, RAW)] == []


def one_is_forgotten(evening: Evening) -> None:
    handles = evening.customers()
    fay = of(evening, "fay", handles)
    hers = [handle for handle, customer in handles.items() if customer == fay]
    assert len(hers) == 2
    evening.run("forget", f"loyalty:{CARD['FAY']['loyalty']}", "--brand", BRAND)
    assert not {f"{one:016x}" for one in hers} & {
        json.loads(line)["subject"] for line in evening.run("feed", "--json").splitlines()
    }
    assert members(evening, "angry") == {of(evening, name, handles) for name in ANGRY_ONES} - {fay}
    assert CARD["FAY"]["loyalty"] not in evening.run("readable", "export", "--brand", BRAND)
    assert "all figures recompute" in evening.run("verify")
    assert [one.json["type"] for one in evening.lists.taken if int(one.json["subject"], 16) in hers] == [
        "journey.audience.entered"
    ]
    assert evening.traces(patterns([CARD["FAY"]["loyalty"]], hers)) == []
    assert [one for folder in evening.folders for one in in_files(folder, RAW)] == []


def change(event: dict) -> tuple[str, ...]:
    return tuple(event["data"][key] for key in ("from", "to", "reason"))


def of(evening: Evening, name: str, handles: dict[int, int]) -> int:
    """Return the customer that one of the cast is."""
    return handles[evening.handle(*next(iter(CAST[name][0].items())))]


def exported(evening: Evening, *words: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(evening.run(*words))))


def members(evening: Evening, audience: str) -> set[int]:
    return {
        int(row["customer"], 16)
        for row in exported(evening, "audience", "export", audience, "--brand", BRAND)
    }


def standing(evening: Evening, *names: str) -> dict[str, str]:
    """Return the stages of those of the cast who are known, or of some of them."""
    rows = evening.rows(
        "SELECT c.handle AS handle, s.stage AS stage FROM standings AS s INNER JOIN customers AS c ON c.customer = s.customer"
    )
    stages = {int(row["handle"]): row["stage"] for row in rows}
    found = {name: stages.get(evening.handle(*next(iter(CAST[name][0].items())))) for name in names or CAST}
    return {name: stage for name, stage in found.items() if stage}


def changes(evening: Evening, audience: str, name: str) -> list[str]:
    """Return how somebody entered and left an audience, in order."""
    handle = evening.handle(*next(iter(CAST[name][0].items())))
    theirs = f"SELECT handle FROM customers WHERE customer IN (SELECT customer FROM customers WHERE handle = {handle})"
    sql = f"SELECT change FROM audience_changes WHERE audience = '{audience}' AND customer IN ({theirs}) ORDER BY number"
    return [row["change"] for row in evening.rows(sql)]
