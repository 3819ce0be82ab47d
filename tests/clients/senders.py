"""Clients of other makers, unmodified, each doing what its documentation shows, with a collector's address and key."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.collector.adapters import payloads
from tests.fixtures.servers.downloads import Unavailable, node_packages

__all__ = ["SENDERS", "SHOPIFY_SECRET", "shop"]

HERE = Path(__file__).parent
SHOPIFY_SECRET = "hush-of-the-shop"
ORDER = {
    "order_id": "o-1",
    "revenue": 39.95,
    "currency": "EUR",
    "products": [{"product_id": "poster-aurora"}],
}


def segment_python(url: str, key: str) -> None:
    from segment.analytics.client import Client  # noqa: PLC0415 - each client only where it is used

    failed: list[Any] = []
    client = Client(key, host=url, gzip=True, on_error=lambda error, _: failed.append(error), max_retries=1)
    client.identify("u-104", {"email": "ann.lee@example.com", "name": "Ann Lee"}, anonymous_id="a-1")
    client.track("u-104", "Order Completed", ORDER)
    client.page("u-104", "Shop", "Home", {"path": "/"})
    client.alias("a-0", "u-104")
    client.shutdown()
    assert not failed, failed


def rudder_python(url: str, key: str) -> None:
    from rudderstack.analytics.client import Client  # noqa: PLC0415

    failed: list[Any] = []
    client = Client(key, host=url, on_error=lambda error, _: failed.append(error), max_retries=1)
    client.identify("u-104", {"email": "ann.lee@example.com", "name": "Ann Lee"}, anonymous_id="a-1")
    client.track("u-104", "Product Viewed", {"product_id": "poster-aurora"})
    client.screen("u-104", "App", "Start")
    client.flush()
    client.join()
    assert not failed, failed


def segment_node(url: str, key: str) -> None:
    environment = os.environ | {"NODE_PATH": str(node_packages()), "HOST": url, "KEY": key}
    _run(["node", str(HERE / "analytics_node.js")], env=environment)


def segment_browser(url: str, key: str, page_url: str) -> Any:
    """Look at a product as nobody known, come back another day and log in; return what the SDK was answered to that."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    address = f"{page_url}/page.html#key={key}&collector={url}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        problems: list[str] = []
        page.on(
            "console", lambda said: problems.append(said.text) if said.type in {"error", "warning"} else None
        )
        with page.expect_response("**/v1/p") as response:
            page.goto(address)
        assert response.value.status == 200, response.value.text()
        with page.expect_response("**/v1/t") as response:
            page.evaluate("window.analytics.track('Product Viewed', {product_id: 'poster-aurora'})")
        assert response.value.status == 200, response.value.text()
        # The second view is on its way before they log in, or the SDK might put the new user into it, or not.
        with page.expect_response("**/v1/p") as response:
            page.reload()
        assert response.value.status == 200, response.value.text()
        with page.expect_response("**/v1/i") as response:
            page.evaluate(
                "window.analytics.identify('u-104', {email: 'ann.lee@example.com', name: 'Ann Lee'})"
            )
        assert response.value.status == 200, response.value.text()
        said = response.value.json()
        browser.close()
        assert not problems, problems
    return said


def till(url: str, key: str) -> None:
    """Tell that the card is of the one with this address, and that the card has come in: two tills, two days."""
    link = _event("link-1", "identity.link", loyalty="9700 1234 5678", email="Ann.Lee@example.com")
    arrival = _event("arrival-1", "store.check_in", loyalty="970012345678")
    arrival["data"]["place"] = "store-7"
    for event in (link, arrival):
        said = _curl(url, "/v1/events", key, json.dumps(event), "content-type: application/cloudevents+json")
        assert said["items"] == [{"status": "accepted"}], said


def cloudevents(url: str, key: str) -> None:
    from cloudevents.core.bindings import http  # noqa: PLC0415
    from cloudevents.core.formats.json import JSONFormat  # noqa: PLC0415
    from cloudevents.core.v1.event import CloudEvent  # noqa: PLC0415

    for name, make in (("binary", http.to_binary), ("structured", http.to_structured)):
        attributes = {
            "id": name,
            "source": "urn:sdk",
            "type": "web.click",
            "time": datetime.now(UTC),
            "specversion": "1.0",
        }
        attributes["datacontenttype"] = "application/json"
        data = {"brand": "cloudevents", "handles": {"email": "ann.lee@example.com"}}
        message = make(CloudEvent(attributes, data), JSONFormat())
        headers = {**message.headers, "authorization": f"Bearer {key}"}
        with urlopen(Request(f"{url}/v1/events", message.body, headers), timeout=30) as answer:  # noqa: S310 - http
            assert answer.status == 202


def curl(url: str, key: str) -> None:
    """Segment's calls, activities and a webhook, as one would by hand."""
    call = {"userId": "u-104", "event": "Signed Up", "messageId": "by-hand"}
    assert _curl(url, "/v1/track", key, json.dumps(call), "content-type: application/json")["success"]
    assert _curl(url, "/v1/track", key, json.dumps(call), "content-type: application/json")["items"] == [
        {"status": "duplicate"}
    ]
    like = {"type": "Like", "id": "https://social.example/likes/1", "actor": "https://social.example/users/ann",
            "object": "https://social.example/notes/1", "published": "2026-10-01T09:30:00Z"}  # fmt: skip
    both = {
        "type": "OrderedCollection",
        "orderedItems": [like, {"type": "Undo", "actor": like["actor"], "object": like}],
    }
    said = _curl(url, "/v1/activities", key, json.dumps(both), "content-type: application/activity+json")
    assert said["accepted"] == 2, said
    body = json.dumps(payloads.SHOPIFY_TILL)
    signature = base64.b64encode(hmac.digest(SHOPIFY_SECRET.encode(), body.encode(), hashlib.sha256)).decode()
    paid = ["content-type: application/json", "x-shopify-topic: orders/paid"]
    said = _curl(url, "/v1/webhooks/shopify", key, body, *paid, f"x-shopify-hmac-sha256: {signature}")
    assert said["items"] == [{"status": "accepted"}], said
    forged = _curl(url, "/v1/webhooks/shopify", key, body, *paid, "x-shopify-hmac-sha256: AAAA", fails=True)
    assert forged["status"] == 401, forged


@contextmanager
def shop() -> Iterator[str]:
    """Serve a page of another origin than the collector's, with Segment's library from its npm package."""
    library = node_packages() / "@segment" / "analytics-next" / "dist" / "umd" / "standalone.js"

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return str(library) if path.startswith("/standalone.js") else super().translate_path(path)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(HERE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SENDERS: dict[str, Callable[[str, str], None]] = {
    "segment_python": segment_python,
    "rudder_python": rudder_python,
    "segment_node": segment_node,
    "cloudevents": cloudevents,
    "curl": curl,
}


def _event(name: str, kind: str, **handles: str) -> dict[str, Any]:
    time = datetime.now(UTC).isoformat()
    return {
        "specversion": "1.0",
        "id": name,
        "source": "urn:till",
        "type": kind,
        "time": time,
        "data": {"handles": handles},
    }


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise Unavailable("a page needs chromium, not found on PATH")
    return found


def _curl(url: str, path: str, key: str, body: str, *headers: str, fails: bool = False) -> Any:
    if shutil.which("curl") is None:
        raise Unavailable("curl is not found on PATH")
    given = [word for header in headers for word in ("--header", header)]
    check = [] if fails else ["--fail-with-body"]
    done = _run(
        [
            "curl",
            "--silent",
            "--show-error",
            *check,
            "--user",
            f"{key}:",
            *given,
            "--data-binary",
            body,
            url + path,
        ]
    )
    return json.loads(done)


def _run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
