"""What services other than webhooks are told, as they take it: words, pictures, and alerts that end."""

import base64
import shutil
import subprocess
import time
from contextlib import suppress

import pytest
import urllib3

from streams.alerts.delivery.message import headline, text
from streams.alerts.delivery.picture import picture
from streams.alerts.delivery.receivers import Receiver
from streams.clock import system_clock
from tests.alerts.delivering import delivering, outcomes
from tests.alerts.examples import told
from tests.alerts.receiver import listening
from tests.fixtures.servers.process import free_port


def fetched(url):
    answer = urllib3.request("GET", url, retries=False)
    assert answer.status == 200
    return answer


def test_slack_shows_names_as_they_are():
    slack = Receiver(name="s", kind="slack", url="http://127.0.0.1:1/", private=True)
    with listening() as receiver, delivering(slack.model_copy(update={"url": receiver.url})) as deliverer:
        deliverer.offer(told(1, brand="<!channel>"))
        (request,) = receiver.wait(1)
    assert "<" not in request.json["text"]
    assert "&lt;!channel&gt;" in request.json["attachments"][0]["text"]


def test_the_message_says_who_and_why():
    said = text(told())
    assert headline(told()) == "31 people recommend acme (content movie) since 23:58 UTC, 0.8 expected"
    for part in (
        "content movie (31)",
        "New customers: 25%",
        "20 audience",
        "social.share",
        "journey alerts ack",
    ):
        assert part in said


def test_the_picture_is_a_png_of_bars():
    from io import BytesIO  # noqa: PLC0415 - with the one below

    from PIL import Image  # noqa: PLC0415 - an extra

    with Image.open(BytesIO(picture(told()))) as image:
        colours = {colour for _, colour in image.getcolors(10_000)}
    assert image.format == "PNG"
    assert (48, 140, 60) in colours


def test_an_e_mail_has_the_reason_and_the_picture():
    from aiosmtpd.controller import Controller  # noqa: PLC0415 - a test dependency
    from aiosmtpd.handlers import Message  # noqa: PLC0415

    letters = []

    class Keep(Message):
        def handle_message(self, message):
            letters.append(message)

    server = Controller(Keep(), hostname="127.0.0.1", port=(port := free_port()))
    server.start()
    try:
        mail = Receiver(name="m", kind="email", host="127.0.0.1", port=port, tls="none", private=True,
                        sender="journey@example.com", to=["on@call.example"])  # fmt: skip
        with delivering(mail) as deliverer:
            deliverer.offer(told(3))
            assert outcomes(deliverer, 1) == [("m", 3, "delivered", 1)]
    finally:
        server.stop()
    (letter,) = letters
    assert letter["Subject"].strip() == headline(told(3))
    assert letter["Message-ID"] == "<alert-00000000000000aa-3@journey.invalid>"
    words, image = letter.get_payload()
    assert "New customers: 25%" in words.get_payload(decode=True).decode()
    assert image.get_content_type() == "image/png"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of modules that Apprise imports
def test_apprise_tells_the_services_it_knows_with_the_picture_or_without_where_that_is_refused():
    with listening(answers=[204, 413]) as receiver:
        service = Receiver(name="a", kind="apprise", url=f"json://127.0.0.1:{receiver.port}")
        with delivering(service) as deliverer:
            deliverer.offer(told(1))
            deliverer.offer(told(2))
            assert outcomes(deliverer, 2) == [("a", 1, "delivered", 1), ("a", 2, "delivered", 1)]
    whole, refused, bare = (request.json for request in receiver.taken)
    assert whole["title"] == refused["title"] == bare["title"] == headline(told(1))
    (shown,) = whole["attachments"]
    assert base64.b64decode(shown["base64"]) == picture(told(1))
    assert (shown["filename"], shown["mimetype"]) == ("people.png", "image/png")
    assert (len(refused["attachments"]), bare["attachments"]) == (1, [])


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory):
    """The real one, from Debian's package, or wherever it is on PATH."""
    if (program := shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")) is None:
        pytest.skip("Alertmanager is not there: apt-get install prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "c.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n", encoding="utf-8")
    port = free_port()
    process = subprocess.Popen(
        [program, f"--config.file={folder}/c.yml", f"--storage.path={folder}", "--cluster.listen-address=",
         f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            with suppress(urllib3.exceptions.HTTPError):
                fetched(f"{url}/-/ready")
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def test_alertmanager_has_an_alert_while_it_is_open(alertmanager):
    def active():
        return fetched(f"{alertmanager}/api/v2/alerts").json()

    receiver = Receiver(name="am", kind="alertmanager", url=alertmanager, private=True)
    now_us = system_clock()
    with delivering(receiver, clock=system_clock) as deliverer:
        deliverer.offer(told(1, at_us=now_us, since_us=now_us - 10**8))
        assert outcomes(deliverer, 1) == [("am", 1, "delivered", 1)]
        (found,) = active()
        assert found["labels"]["brand"] == "acme"
        assert found["annotations"]["severity"] == "warning"
        deliverer.offer(told(2, "resolved", at_us=now_us, since_us=now_us - 10**8, open=False))
        assert outcomes(deliverer, 1) == [("am", 2, "delivered", 1)]
        until = time.monotonic() + 5
        while active() and time.monotonic() < until:
            time.sleep(0.05)
        assert active() == []
