"""Files and bodies by their encoding: a byte order mark is passed over, and what is not UTF-8 is said to be that."""

import gzip
import json

import pytest
import zstandard

from streams.collector import cloudevents_http
from streams.collector.adapters import Malformed
from streams.collector.adapters.fields import json_body
from streams.inputs.files import InputError, lines_of
from tests.collector.adapters.edge import request

EVENTS = [{"id": str(n), "content": "é"} for n in range(3)]
LINES = "\n".join(json.dumps(event, ensure_ascii=False) for event in EVENTS)
ARRAY = json.dumps(EVENTS, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("name", ["a.ndjson", "a.json", "a.ndjson.gz", "a.json.zst"])
@pytest.mark.parametrize("text", [LINES, ARRAY])
def test_a_file_with_a_byte_order_mark_loses_no_event(tmp_path, name, text):
    data = text.encode("utf-8-sig")
    compress = {"gz": gzip.compress, "zst": zstandard.compress}.get(name.rpartition(".")[2], bytes)
    (tmp_path / name).write_bytes(compress(data))
    assert [json.loads(line) for line in lines_of(str(tmp_path / name))] == EVENTS


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("UTF-16", LINES.encode("utf-16")), ("UTF-16", ARRAY.encode("utf-16-le")), ("UTF-16", ARRAY.encode("utf-16-be")),
        ("UTF-32", LINES.encode("utf-32")), ("UTF-32", LINES.encode("utf-32-be")), ("gzip", gzip.compress(LINES.encode())),
        ("zstd", zstandard.compress(LINES.encode())),
    ],
    ids=["UTF-16", "UTF-16-LE", "UTF-16-BE", "UTF-32", "UTF-32-BE", "gzip", "zstd"],
)  # fmt: skip
def test_what_is_not_utf_8_is_said_to_be_that(tmp_path, form, data):
    (tmp_path / "a.ndjson").write_bytes(data)
    with pytest.raises(InputError, match=f"a.ndjson: it is {form}; .*"):
        list(lines_of(str(tmp_path / "a.ndjson")))
    for read in (
        lambda body: json_body(body, "items"),
        lambda body: cloudevents_http.items(request("/v1/events", body)),
    ):
        with pytest.raises(Malformed, match=f"the body is {form}"):
            read(data)


@pytest.mark.parametrize(
    "first", ['{"id": "a"}'.encode("utf-32-be"), '{"id": "a"}'.encode("utf-16-le"), b"\0\0\0{"]
)
def test_a_damaged_first_line_does_not_take_the_events_behind_it_along(first):
    items = cloudevents_http.items(
        request("/v1/events", first + b'\n{"id": "b"}', headers={"content-type": "application/x-ndjson"})
    )
    assert (items[-1].pointer, items[-1].line) == ("/1", b'{"id": "b"}')


def test_a_file_whose_first_line_alone_is_damaged_loses_no_other_line(tmp_path):
    (tmp_path / "a.ndjson").write_bytes('{"id": "a"}'.encode("utf-16-le") + b'\n{"id": "b"}\n')
    assert list(lines_of(str(tmp_path / "a.ndjson")))[-1] == b'{"id": "b"}'


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_that_is_a_byte_order_mark_alone_is_empty(tmp_path, end):
    mark = "\ufeff".encode()
    (tmp_path / "a.ndjson").write_bytes(mark + LINES.encode() + b"\n" + mark + b"\n" + b"  " + mark + end)
    assert [json.loads(line) for line in lines_of(str(tmp_path / "a.ndjson"))] == EVENTS
