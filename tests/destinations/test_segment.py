"""A platform that speaks Segment's API hears of each customer in order, at least once, under one id, by their own number."""

import base64
from itertools import groupby

import pytest

from streams.embedded.forget import forget
from streams.process.degraded import Degraded
from tests.alerts.receiver import listening
from tests.destinations.world import everybody, found, in_sync, look, serving, states, told
from tests.fixtures.servers.process import free_port, wait_until
from tests.privacy.people import event
from tests.readable.world import customer, load, opened, people

KEY = "write-key-planted"
NOBODY = "SELECT customer FROM customers WHERE 0"


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people(range(6)))
        yield embedded


def platform(folder, url, more="", audiences='["a"]'):
    text = f'[[destination]]\nname = "cdp"\nkind = "segment"\naudiences = {audiences}\nurl = "{url}"\nprivate = true\nwrite_key = "$KEY"\n{more}'
    return found(folder, text, ("a", "b"), lambda _: KEY)


def address(receiver):
    return f"http://127.0.0.1:{receiver.port}"


def calls(receiver):
    return [call for one in receiver.accepted for call in one.json["batch"]]


def test_each_change_is_an_identify_and_a_track_in_order(engine, tmp_path):
    look(engine, everybody())
    with listening() as receiver:
        destinations = platform(tmp_path, address(receiver))
        with serving(engine, destinations):
            in_sync(engine, destinations)
            look(engine, everybody(sql=NOBODY))
            in_sync(engine, destinations)
    for one in receiver.taken:
        assert one.path == "/v1/batch"
        assert base64.b64decode(one.headers["authorization"].removeprefix("Basic ")).decode() == f"{KEY}:"
    sent = calls(receiver)
    assert len({one["messageId"] for one in sent}) == len(sent) == 2 * len(told(engine)) == 24
    tracks = [one for one in sent if one["type"] == "track"]
    assert [(one["anonymousId"], one["event"]) for one in tracks] == [
        (who, {"entered": "Audience Entered", "left": "Audience Exited"}[change])
        for who, change in told(engine)
    ]
    assert tracks[0]["properties"]["audience_key"] == "a"
    assert [(one["properties"]["a"]) for one in tracks] == [True] * 6 + [False] * 6
    identified = [one for one in sent if one["type"] == "identify"]
    assert [one["traits"] for one in identified] == [{"a": True}] * 6 + [{"a": False}] * 6
    assert all("userId" not in one and one["timestamp"] for one in sent)
    assert sent[0]["context"]["personas"] == {"computation_class": "audience", "computation_key": "a"}


def test_who_has_a_number_is_named_by_it_and_who_has_several_by_each(engine, tmp_path):
    load(engine, [event("second", "web.page_view", 7, {"user": "u-other", "loyalty": "LUM-PLANTED-1"})])
    load(engine, [event("nobody", "web.page_view", 8, {"cookie": "cookie-alone"})])
    look(engine, everybody())
    with listening() as receiver:
        destinations = platform(tmp_path, address(receiver), 'readable = true\ncalls = ["track"]')
        with serving(engine, destinations):
            in_sync(engine, destinations)
    sent = calls(receiver)
    assert sorted(one["userId"] for one in sent if "userId" in one) == sorted(
        [*(f"u-planted-{n}" for n in range(6)), "u-other"]
    )
    assert len([one for one in sent if "anonymousId" in one]) == 1
    assert not any("userId" in one and "anonymousId" in one for one in sent)
    assert len({one["messageId"] for one in sent}) == len(sent) == 8


@pytest.mark.parametrize(
    "faults", [[503, 429, 500], [0, 0], [401, 403]], ids=["fails", "breaks off", "refuses the key"]
)
def test_what_fails_is_sent_again_under_the_same_ids_and_is_named_meanwhile(engine, tmp_path, faults):
    look(engine, everybody())
    degraded = Degraded()
    with listening(answers=list(faults)) as receiver:
        destinations = platform(tmp_path, address(receiver))
        with serving(engine, destinations, degraded=degraded) as made:
            in_sync(engine, destinations)
            failed = {name: value for name, labels, value in made.samples() if "failures" in name}
        assert failed == {"journey_destination_failures_total": len(faults)}
        assert degraded.sentences() == []
    first = receiver.taken[0].json["batch"]
    assert [one.json["batch"] for one in receiver.taken] == [first] * (len(faults) + 1)


def test_one_that_is_away_is_named_and_holds_up_no_other(engine, tmp_path):
    look(engine, everybody())
    away, degraded = f"http://127.0.0.1:{free_port()}", Degraded()
    with listening() as receiver:
        destinations = [
            platform(tmp_path, away)[0].model_copy(update={"name": "away"}),
            *platform(tmp_path, address(receiver)),
        ]
        with serving(engine, destinations, degraded=degraded):
            receiver.wait(1)
            in_sync(engine, destinations[1:])
            wait_until(lambda: states(engine, destinations)["away", "a"].is_failing, 20, "the failure kept")
        (said,) = degraded.sentences()
    now = states(engine, destinations)
    assert (now["away", "a"].waiting, now["cdp", "a"].waiting) == (6, 0)
    assert "NewConnectionError" in now["away", "a"].error
    assert said.startswith("destination away/a: not delivered, tried again: ")
    assert KEY not in said + str(now)


def test_one_that_is_slow_holds_up_no_other(engine, tmp_path):
    look(engine, everybody())
    with listening(pause_s=8.0) as slow, listening() as quick:
        destinations = [
            platform(tmp_path, address(slow))[0].model_copy(update={"name": "slow"}),
            *platform(tmp_path, address(quick)),
        ]
        with serving(engine, destinations):
            in_sync(engine, destinations[1:])
            assert states(engine, destinations)["slow", "a"].waiting == 6
            in_sync(engine, destinations)
    assert len(calls(slow)) == len(calls(quick)) == 12


def test_what_it_refuses_is_counted_and_the_rest_goes_out(engine, tmp_path):
    look(engine, everybody())
    with listening(answers=[400]) as receiver:
        destinations = platform(tmp_path, address(receiver))
        with serving(engine, destinations):
            wait_until(lambda: states(engine, destinations)["cdp", "a"].refused == 6, 20, "what was refused")
            look(engine, everybody(sql=NOBODY))
            in_sync(engine, destinations)
    now = states(engine, destinations)["cdp", "a"]
    assert (now.delivered, now.refused, now.is_failing) == (6, 6, False)
    assert now.error.startswith("HTTP 400")


def test_who_was_joined_to_somebody_who_stays_does_not_leave_by_their_numbers(engine, tmp_path):
    look(engine, everybody())
    with listening() as receiver:
        destinations = platform(tmp_path, address(receiver), 'readable = true\ncalls = ["track"]')
        with serving(engine, destinations):
            in_sync(engine, destinations)
        both = {"loyalty": "LUM-PLANTED-1", "user": "u-planted-2"}
        load(engine, [event("joined", "store.purchase", 9, both, amount=1, currency="EUR")])
        look(engine, everybody())
        assert len(told(engine)) in {7, 8}, "a name left; another may have entered"
        before = len(calls(receiver))
        with serving(engine, destinations):
            in_sync(engine, destinations)
    after = calls(receiver)[before:]
    left = [one for one in after if one["event"] == "Audience Exited"]
    assert left
    assert not any("userId" in one for one in left)


def test_who_is_erased_while_a_platform_is_away_is_not_sent_to_it(engine, tmp_path):
    look(engine, everybody())
    with listening(answers=[503] * 10_000) as receiver:
        destinations = platform(tmp_path, address(receiver))
        with serving(engine, destinations):
            wait_until(lambda: len(receiver.taken) > 1, 20, "attempts")
            forget(engine, customer(3))
            with receiver.came:
                sent = len(receiver.taken)
            wait_until(lambda: len(receiver.taken) > sent + 10, 20, "attempts after it")
            receiver.answers.clear()
            in_sync(engine, destinations)
    names = {one["anonymousId"] for one in calls(receiver)}
    assert len(names) == 5
    assert f"{customer(3):016x}" not in names


def test_an_audience_that_is_taken_out_of_the_file_is_left_and_one_that_is_new_is_entered(engine, tmp_path):
    look(engine, everybody())
    with listening() as receiver:
        with serving(engine, platform(tmp_path, address(receiver))):
            receiver.wait(1)
            in_sync(engine, platform(tmp_path, address(receiver)))
        renamed = everybody("b")
        look(engine, renamed)
        destinations = platform(tmp_path, address(receiver), audiences='["b"]')
        with serving(engine, destinations, renamed):
            in_sync(engine, destinations, renamed)
        assert set(states(engine, destinations, renamed)) == {("cdp", "a"), ("cdp", "b")}
    sent = [one for one in calls(receiver) if one["type"] == "track"]
    by_audience = {
        key: [one["event"] for one in group]
        for key, group in groupby(
            sorted(sent, key=lambda one: one["properties"]["audience_key"]),
            key=lambda one: one["properties"]["audience_key"],
        )
    }
    assert by_audience == {
        "a": ["Audience Entered"] * 6 + ["Audience Exited"] * 6,
        "b": ["Audience Entered"] * 6,
    }
