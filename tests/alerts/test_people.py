"""What people on call do and read: check and test of the file, silences that end, messages with what to do."""

import json
import os
from dataclasses import replace

import pytest

from journey.alerts import Scope
from streams.alerts import actions
from streams.alerts.config import parse, read
from streams.alerts.delivery.message import document, headline, text
from streams.alerts.delivery.receivers import Receiver
from streams.alerts.delivery.senders import sender
from streams.alerts.trial import TrialError, send_test
from streams.alerts.urls import AlertUrls
from tests.alerts.delivering import SECRET
from tests.alerts.examples import NOW_US, told
from tests.alerts.receiver import listening
from tests.alerts.test_silences import RECEIVER, received, silence
from tests.fixtures import commands

WRONG = """
colour = "red"
zone = "Mars/Olympus"
[[receiver]]
name = "a b"
kind = "slack"
url = "$NOWHERE"
[[receiver]]
name = "two"
kind = "email"
severity = "bad"
[[rule]]
name = "low"
sql = "SELECT 1 AS figure"
[[rule]]
name = "high"
sql = "SELECT 1 AS figure"
above = "9"
every = "1s"
"""


def run(*words, **environment):
    return commands.run(
        [commands.JOURNEY, *map(str, words)],
        env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_every_mistake_of_a_file_is_named_at_once_and_no_directory_is_made(tmp_path):
    path = tmp_path / "alerts.toml"
    path.write_text(WRONG)
    done = run("alerts", "check", path, JOURNEY_STORE=f"chdb://{tmp_path}/data")
    assert done.returncode == 1
    for said in (
        "colour: unknown", "zone: 'Mars/Olympus' is no time zone", "receiver 'a b': url: the environment has no NOWHERE",
        "receiver 'a b': name: String should match", "receiver 'two': severity: Input should be", "rule 'low': one of above",
        "rule 'high': above: Input should be a valid number",
    ):  # fmt: skip
        assert said in done.stderr, said
    assert not (tmp_path / "data").exists()
    path.write_text('[[rule]]\nname = "low"\nsql = "SELECT 1 AS figure"\nbelow = 5\n')
    assert "0 receivers, 1 rules and 0 feeds, no mistake" in run("alerts", "check", path).stdout
    assert run("alerts", "check", tmp_path / "none").returncode == 1


def test_a_receiver_is_sent_a_marked_test_which_nothing_stores(tmp_path):
    with listening() as receiver:
        path = tmp_path / "alerts.toml"
        path.write_text(
            f'[[receiver]]\nname = "hook"\nkind = "webhook"\nurl = "{receiver.url}"\nsecret = "$HOOK"\nprivate = true\n'
            'severity = "critical"\nbrands = ["acme"]\n'
        )
        environment = {"HOOK": SECRET, "JOURNEY_STORE": f"chdb://{tmp_path}/data"}
        done = run("alerts", "test", "hook", "--alerts", path, **environment)
        assert done.returncode == 0, done.stderr
        (taken,) = receiver.wait(1)
        said = json.loads(taken.body)["data"]
        assert said["is_test"] is True
        assert said["headline"].startswith("TEST, nothing has happened")
        assert (
            "no receiver 'other'; there are hook"
            in run("alerts", "test", "other", "--alerts", path, **environment).stderr
        )
        receiver.answers += [410]
        refused = run("alerts", "test", "hook", "--alerts", path, **environment)
        assert (refused.returncode, "did not take the test" in refused.stderr) == (2, True)
        assert not (tmp_path / "data").exists()
    with pytest.raises(TrialError):
        send_test(read(path, {"HOOK": SECRET}.get), "hook", lambda: NOW_US)


def test_a_silence_that_is_ended_is_listed_no_more_and_receivers_learn_what_they_do_not_know(world):
    world.poll()
    silence(world, 600)
    actions.silence(world.ledger, "bob", world.now_us, span=actions.timedelta(minutes=5), rule="low")
    assert [(one["brand"], one["direction"], one["by"]) for one in actions.silences(world.ledger, world.now_us)] == [
        ("", "low", "bob"), ("acme", "", "ada")
    ]  # fmt: skip
    world.burst(12, content="movie")
    assert received(world) == []
    assert actions.unsilence(world.ledger, world.now_us, brand="acme") == 1
    (told,) = received(world)
    assert (told.change.what, RECEIVER.wants(told)) == ("opened", True)
    assert [one["by"] for one in actions.silences(world.ledger, world.now_us)] == ["bob"]
    with pytest.raises(actions.AlertError, match="no such silence"):
        actions.unsilence(world.ledger, world.now_us, brand="acme")
    assert actions.unsilence(world.ledger, world.now_us) == 1
    assert actions.silences(world.ledger, world.now_us) == []


def test_a_message_says_the_local_time_what_to_do_and_no_sql(tmp_path):
    path = tmp_path / "alerts.toml"
    path.write_text('zone = "America/New_York"\n[zones]\nacme = "Europe/Paris"\n')
    file, mistakes = parse(path, {}.get)
    assert mistakes == []
    links = AlertUrls("https://journey.example", "", file.zones)
    shown = told()
    shown = replace(shown, reason={**shown.reason, **links.of(shown.change.alert, 1)})
    assert headline(shown) == "31 people recommend acme (content movie) since 01:58 CEST, 0.8 expected"
    said = text(shown)
    assert "SELECT" not in said
    assert "+00:00" not in said
    assert "05 Jun 02:00" in said
    assert "Look: https://journey.example/view/spikes" in said
    assert "journey alerts ack 00000000000000aa --by NAME" in said
    assert links.zones.get("other", links.zones[""]) == "America/New_York"
    taken = told(2, "acknowledged", acknowledged="ada")
    assert headline(taken).endswith("(by ada)")
    assert "Taken on by ada." in text(taken)
    over = text(told(3, "resolved", open=False))
    assert "journey alerts show 00000000000000aa" in over
    assert "--by NAME" not in over
    assert document(shown)["data"]["reason"]["sql"] == "SELECT 1"


@pytest.mark.parametrize(
    ("people", "expected", "rule", "said"),
    [
        (62.0, 80.0, {"is": "below", "value": 80}, "acme: low (advocacy): 62, below the limit of 80 by 18 (22%)"),
        (90.0, 60.0, {"is": "above", "value": 60}, "acme: low (advocacy): 90, above the limit of 60 by 30 (50%)"),
        (70.0, 80.0, {"is": "falls_by", "value": 0.2, "before": 100.0, "over_s": 86400.0},
         "acme: low (advocacy): 70, below the limit of 80 by 10 (12%); 100 1 d before, -30%"),
        (5.0, 0.0, {"is": "above", "value": 0}, "acme: low (advocacy): 5, above the limit of 0 by 5"),
    ],
)  # fmt: skip
def test_a_rule_says_how_far_beyond_its_limit_a_figure_is(people, expected, rule, said):
    one = told(direction="low", scope=Scope("rule", "advocacy"), people=people, expected=expected)
    one = replace(one, reason={"rule": {"before": None} | rule})
    assert headline(one).startswith(f"{said}, since")


@pytest.mark.parametrize(
    ("actual", "target", "said"),
    [
        (412.0, 500.0, "412 of 500 customers, 18% below the target"),
        (1_200.0, 1_000.0, "1,200 of 1,000 customers, the target is reached, +20%"),
        (500.0, 500.0, "500 of 500 customers, the target is reached"),
        (0.0, 0.0, "0 of 0 customers, the target is reached"),
        (-5.0, 0.0, "-5 of 0 customers, the target is reached"),
        (0.0, 12_500.0, "0 of 12,500 customers, 100% below the target"),
    ],
)
def test_a_rule_on_a_target_speaks_of_customers_and_the_target(actual, target, said):
    one = told(direction="behind", scope=Scope("rule", "advocacy by 2026-12-05"), people=0.5, expected=0.8)
    rule = {"is": "below", "value": 0.8, "before": None, "over_s": None, "actual": actual, "target": target}
    one = replace(one, reason={"rule": rule})
    assert headline(one).startswith(f"acme: behind (advocacy by 2026-12-05): {said}, since")


def test_alertmanager_has_the_severity_as_a_label_and_the_former_one_ends():
    with listening() as receiver:
        send = sender(
            Receiver(name="am", kind="alertmanager", url=receiver.url.split("/hook")[0], private=True),
            lambda: NOW_US,
        )
        send(told(severity="warning"))
        send(told(2, "grew", severity="critical"))
        first, second = (json.loads(one.body) for one in receiver.wait(2))
    assert [one["labels"]["severity"] for one in first] == ["warning"]
    ends = {one["labels"]["severity"]: one["endsAt"] for one in second}
    assert ends["critical"] > ends["warning"] == "2026-06-05T00:00:00+00:00"
