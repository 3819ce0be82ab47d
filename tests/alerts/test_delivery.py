"""Receivers get what they are to get: signed, in order, at least once, and nothing goes where it must not."""

import base64
import socket
import time
from contextlib import closing

import pytest
from standardwebhooks import Webhook

from streams.alerts.config import read
from streams.alerts.delivery import addresses
from streams.alerts.delivery.addresses import AddressError
from streams.alerts.delivery.deliverer import Deliverer, Pauses, pause_s
from streams.clock import system_clock
from streams.settings import SettingsError
from tests.alerts.delivering import QUICK, SECRET, delivering, hook, outcomes
from tests.alerts.examples import NOW_US, told
from tests.alerts.receiver import listening
from tests.fixtures.servers.process import free_port

OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()


def test_a_webhook_is_signed_as_the_standard_says_with_every_secret_of_a_rotation():
    with (
        listening() as receiver,
        delivering(hook(receiver.url, secret=f"{SECRET} {OTHER}"), clock=system_clock) as deliverer,
    ):
        deliverer.offer(told(7))
        (request,) = receiver.wait(1)
    for secret in (SECRET, OTHER):
        said = Webhook(secret).verify(request.body, request.headers)
    assert said["type"] == "alert.opened"
    assert said["data"]["people"] == 31
    assert request.headers["webhook-id"] == said["id"] == "alert-00000000000000aa-7"
    assert request.path == "/hook?key=k"


def test_a_receiver_that_was_down_gets_what_it_missed_in_order_once_for_each_id():
    port = free_port()
    with delivering(hook(f"http://127.0.0.1:{port}/")) as deliverer:
        for number in range(1, 6):
            deliverer.offer(told(number))
        time.sleep(0.3)
        assert deliverer.waiting() == {"hook": 5}
        with listening(port, answers=[503, 429]) as receiver:
            requests = receiver.wait(5)
            assert [one[1:3] for one in outcomes(deliverer, 5)] == [(n, "delivered") for n in range(1, 6)]
    ids = [int(request.headers["webhook-id"].rpartition("-")[2]) for request in requests]
    assert ids == [1, 2, 3, 4, 5]
    assert [one.headers["webhook-id"] for one in receiver.taken[:3]] == ["alert-00000000000000aa-1"] * 3


def test_one_receiver_that_hangs_holds_up_no_other():
    with closing(socket.socket()) as silent, listening() as receiver:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        slow = hook(f"http://127.0.0.1:{silent.getsockname()[1]}/", name="slow")
        deliverer = Deliverer([slow, hook(receiver.url)], clock=lambda: NOW_US, pauses=QUICK)
        began = time.monotonic()
        deliverer.offer(told(1))
        assert time.monotonic() - began < 0.1
        receiver.wait(1, 5)
        silent.close()
        deliverer.stop()


def test_what_a_receiver_refuses_is_not_sent_again_and_the_next_goes_out():
    with listening(answers=[400]) as receiver, delivering(hook(receiver.url)) as deliverer:
        deliverer.offer(told(1))
        deliverer.offer(told(2))
        assert outcomes(deliverer, 2) == [("hook", 1, "refused", 1), ("hook", 2, "delivered", 1)]


def test_a_redirect_is_not_followed():
    with listening() as inside, listening(answers=[307], headers={"location": inside.url}) as receiver:
        with delivering(hook(receiver.url)) as deliverer:
            deliverer.offer(told(1))
            assert outcomes(deliverer, 1) == [("hook", 1, "refused", 1)]
        assert inside.taken == []


def test_what_is_too_old_expires():
    clock = [NOW_US]
    with delivering(hook("http://127.0.0.1:9/", keep_hours=1), clock=lambda: clock[0]) as deliverer:
        deliverer.offer(told(1))
        time.sleep(0.2)
        assert deliverer.done() == []
        clock[0] += 3_600_000_001
        assert outcomes(deliverer, 1)[0][:3] == ("hook", 1, "expired")


def test_a_receiver_gets_its_brands_and_severities_and_nothing_silenced():
    only = hook("http://127.0.0.1:9/", brands=["acme"], severity="warning", directions=["for"])
    assert only.wants(told())
    assert not only.wants(told(silenced=True))
    assert not only.wants(told(brand="other"))
    assert not only.wants(told(severity="notice"))
    assert not only.wants(told(direction="against"))


def test_pauses_double_with_jitter_up_to_the_longest():
    pauses = Pauses(first_s=1, longest_s=300)
    for attempt, whole in ((1, 1), (2, 2), (5, 16), (10, 300), (500, 300)):
        drawn = {pause_s(attempt, pauses) for _ in range(20)}
        assert len(drawn) > 1
        assert all(whole / 2 <= one <= whole for one in drawn)
    assert pause_s(1, pauses, 60) == 60


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[fd00::1]", "0.0.0.1",
     "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "100.64.0.1"],
)  # fmt: skip
def test_private_addresses_are_refused_when_a_receiver_is_read(address):
    with pytest.raises(ValueError, match="not a public address"):
        hook(f"https://{address}/", private=False)


def test_a_name_that_leads_inside_is_refused_when_it_is_connected_to(monkeypatch):
    seen = []
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: seen.append(1) or answers)
    answers = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]
    receiver = hook("https://hook.example/", private=False)
    with delivering(receiver) as deliverer:
        deliverer.offer(told(1))
        time.sleep(0.3)
        assert deliverer.waiting() == {"hook": 1}
    assert seen
    with pytest.raises(AddressError, match=r"127\.0\.0\.1 is not a public address"):
        addresses.resolve("hook.example", 443, private=False)


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "https://", "http://a.example/", "https://u:p@a.example/", "https://a:b/"]
)
def test_other_urls_are_refused_without_telling_them(url):
    with pytest.raises(AddressError) as error:
        addresses.checked(url, private=False)
    assert "a.example" not in str(error.value)


FILE = """
[[receiver]]
name = "on-call"
kind = "webhook"
url = "https://hook.example/x"
secret = "$HOOK"
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("kind", "kinds"), "kind"),
        (('"webhook"', '"pager"'), "kind: Input should be 'webhook'"),
        (("$HOOK", "$NONE"), "secret: the environment has no NONE"),
        (("$HOOK", "short"), "secret: must be whsec_"),
        (("https://hook.example", "https://127.0.0.1"), "url: 127.0.0.1 is not a public address"),
        (("url =", "uri ="), "uri: Extra inputs are not permitted"),
        (("[[receiver]]", "[[receivers]]"), "receivers: unknown"),
        (("on-call", "on call"), "name: String should match"),
    ],
)
def test_a_mistake_in_the_file_names_the_key_and_no_secret(tmp_path, change, said):
    path = tmp_path / "alerts.toml"
    path.write_text(FILE, encoding="utf-8")
    assert read(path, {"HOOK": SECRET}.get).receivers[0].secret == SECRET
    path.write_text(FILE.replace(*change, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        read(path, {"HOOK": SECRET}.get)
    assert said in str(error.value)
    assert SECRET not in str(error.value)
