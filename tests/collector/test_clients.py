"""Clients that know nothing of us: the CloudEvents SDK in each of its modes, and curl."""

import json
import subprocess
from datetime import UTC, datetime

import requests
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent

from tests.collector.server import event


def made(name):
    attributes = {
        "id": name,
        "source": "https://shop.example",
        "type": "web.product_view",
        "time": datetime.now(UTC).isoformat(),
    }
    data = {"brand": "lumiere", "handles": {"cookie": f"c-{name}"}, "product": "pöpcorn"}
    return CloudEvent(attributes | {"datacontenttype": "application/json"}, data)


def test_the_sdk_and_curl_end_in_rows(collect, tmp_path):
    collector = collect()
    key = collector.key("shop")
    collector.start()
    url = f"{collector.url}/v1/events"
    for name, encode in (("structured", to_structured), ("binary", to_binary)):
        headers, body = encode(made(name))
        answer = requests.post(url, data=body, headers=headers, auth=(key, ""), timeout=10)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1), answer.text

    file = tmp_path / "events.ndjson"
    file.write_text(
        "\n".join(json.dumps(event(f"curl-{number}", type="web.product_view")) for number in range(3))
    )
    compressed = subprocess.run(["gzip", "-c", file], capture_output=True, check=True).stdout
    for arguments, given in (
        (["-u", f"{key}:", "-H", "Content-Type: application/x-ndjson", "--data-binary", f"@{file}"], None),
        (["-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/x-ndjson", "-H", "Content-Encoding: gzip", "-H", "Expect: 100-continue", "--data-binary", "@-"], compressed),
        (["-H", "Content-Type: application/json", "-H", "Transfer-Encoding: chunked", "-d", json.dumps(event("curl-chunked", type="web.product_view"))], None),
    ):  # fmt: skip
        query = "" if given or arguments[0] == "-u" else f"?writeKey={key}"
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail-with-body", *arguments, url + query],
            input=given, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    assert collector.stop() == 0
    rows = collector.rows("SELECT id, product, type FROM interactions ORDER BY id")
    assert [row["id"] for row in rows] == [
        "binary",
        "curl-0",
        "curl-1",
        "curl-2",
        "curl-chunked",
        "structured",
    ]
    assert [row["product"] for row in rows if row["product"]] == ["pöpcorn"] * 2
    assert {row["type"] for row in rows} == {"web.product_view"}
