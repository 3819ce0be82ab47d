"""Queries over ClickHouse's HTTP protocol: what real clients get, and what nobody gets."""

import asyncio
import gzip
import json
import struct
import time
from contextlib import closing
from pathlib import Path

import httpx
import pyarrow as pa
import pytest
import zstandard

from streams.settings import Settings, SettingsError
from streams.sql import hello, native
from streams.sql.reader import Reader
from streams.sql.routes import application
from tests.analysts.attacks import ATTACKS

TOKEN = "a-token-of-twenty-chars"
HOST = "http://127.0.0.1"


class Web:
    """Asks the application in this process."""

    def __init__(self, reader, token="", base_url=HOST):
        self._application = application(reader, database="journey", token=token)
        self._base_url = base_url

    def ask(self, method, path, **more):
        async def asked():
            transport = httpx.ASGITransport(self._application)
            async with httpx.AsyncClient(transport=transport, base_url=self._base_url) as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def post(self, path, **more):
        return self.ask("POST", path, **more)

    def get(self, path, **more):
        return self.ask("GET", path, **more)


@pytest.fixture(scope="module")
def reader(store, loaded):
    with closing(Reader(loaded / "clickhouse")) as opened:
        yield opened


@pytest.fixture(scope="module")
def web(reader):
    return Web(reader)


def counts(store):
    tables = [name for (name,) in store.query("SHOW TABLES", {})]
    return (
        tables,
        store.query("SELECT count() FROM targets", {}),
        store.query("SELECT count() FROM interactions", {}),
    )


def test_nobody_writes_nor_reads_files_nor_reaches_other_hosts(web, store, tmp_path):
    secret, out = tmp_path / "secret", tmp_path / "out"
    secret.write_text("the-secret")
    before = counts(store)
    through = []
    for attack in ATTACKS:
        statement = attack.replace("FILE", str(secret)).replace("OUT", str(out))
        answer = web.post("/", content=statement, params={"param_f": f"',file('{secret}'),'"})
        is_harmless = attack == "select '%(f)s'" and answer.text == "%(f)s\n"
        if (answer.status_code == 200 and not is_harmless) or "the-secret" in answer.text:
            through.append((attack, answer.text[:200]))
    assert through == []
    assert not out.exists()
    assert counts(store) == before


def test_a_query_that_reads_too_much_or_too_long_ends_and_leaves_nothing_to_the_next(web):
    assert (
        web.post("/", content="select * from numbers(100000000)").headers["x-clickhouse-exception-code"]
        == "396"
    )
    assert web.post("/", content="select 1 as one", params={"default_format": "JSONEachRow"}).json() == {
        "one": 1
    }
    heavy = "select length(groupArray(repeat('a', 1000000))) from numbers(100000)"
    assert web.post("/", content=heavy).headers["x-clickhouse-exception-code"] == "241"
    assert web.get("/", params={"query": "select 2"}).text == "2\n"


def test_the_protocol_is_that_of_the_server(web):
    assert web.get("/ping").text == web.get("/").text == "Ok.\n"
    counted = "SELECT count() AS n FROM touchpoints WHERE brand = {brand:String}"
    asked = {"param_brand": "lumiere", "default_format": "JSONEachRow", "session_id": "s", "max_threads": "9"}
    n = web.post("/", content=counted, params=asked).json()["n"]
    assert int(n) > 4_000
    split = web.post(
        "/",
        content="FROM touchpoints WHERE brand = {brand:String}",
        params={"query": "SELECT count()"} | asked,
    )
    assert split.json() == {"count()": n}
    own = web.post("/", content=counted + " FORMAT CSVWithNames", params=asked)
    assert own.text == f'"n"\n{n}\n'
    assert own.headers["x-clickhouse-format"] == "CSVWithNames"
    assert own.headers["x-clickhouse-timezone"] == web.post("/", content="SELECT timezone()").text.strip()
    summary = json.loads(own.headers["x-clickhouse-summary"])
    assert summary["result_rows"] == "1"  # the driver of JDBC takes it for an empty answer otherwise
    assert int(summary["elapsed_ns"]) > 0
    shown = {"param_a": r"it's\ta\\b", "default_format": "JSONEachRow"}
    assert web.post("/", content="SELECT {a:String} AS a\n, 'x\ty' AS b -- \\n", params=shown).json() == {
        "a": "it's\ta\\b",
        "b": "x\ty",
    }
    headed = web.post(
        "/", content=counted, params={"param_brand": "x"}, headers={"X-ClickHouse-Format": "JSONCompact"}
    )
    assert [int(row[0]) for row in headed.json()["data"]] == [0]


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_bodies_are_compressed_where_both_sides_ask_for_it(web, encoding, compress):
    params = {"enable_http_compression": "1"}
    answer = web.post(
        "/",
        content=compress(b"SELECT number FROM numbers(1000)"),
        params=params,
        headers={"content-encoding": encoding, "accept-encoding": encoding},
    )
    assert answer.headers["content-encoding"] == encoding
    assert (
        web.post("/", content="SELECT 1", headers={"accept-encoding": encoding}).headers.get(
            "content-encoding"
        )
        is None
    )
    if encoding == "gzip":
        assert answer.text.splitlines() == [str(n) for n in range(1000)]
        bomb = web.post("/", content=gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"})
        assert bomb.status_code == 400


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_an_answer_in_clickhouse_s_own_blocks_is_the_same_answer(web, encoding):
    def answer(count, **more):
        headers = {"accept-encoding": encoding}
        sql = f"SELECT number, number * 7919 FROM numbers({count})"
        return web.post("/", content=sql, params=more, headers=headers).content

    for count in (0, 1, 300_000):
        more = {"compress": "1"} | ({"enable_http_compression": "1"} if encoding else {})
        pieces = list(unpacked(answer(count, **more)))
        assert b"".join(pieces) == answer(count)
        assert all(len(piece) == native.BLOCK_BYTES for piece in pieces[:-1])
    assert len(pieces) > 2
    failed = web.post("/", content="SELEC 1", params={"compress": "1"}).content
    assert next(unpacked(failed)).startswith(b"Code: 62. DB::Exception: ")
    assert web.post("/", content="DROP TABLE targets", params={"compress": "1"}).text.startswith("Code: 164.")


def unpacked(data):
    """Read blocks as ClickHouse describes them; the driver of JDBC, in test_up, checks their checksums too."""
    while data:
        method, size, expanded = struct.unpack_from("<BII", data, 16)
        assert method == 0x82
        yield pa.Codec("lz4_raw").decompress(data[25 : 16 + size], expanded, asbytes=True)
        data = data[16 + size :]


@pytest.mark.parametrize(
    ("statement", "code", "status"),
    [("SELEC 1", 62, 400), ("SELECT x FROM models", 47, 404), ("SELECT * FROM nothing", 60, 404), ("SELECT {a:Int8}", 456, 400)],
)  # fmt: skip
def test_errors_are_clickhouse_s_own(web, statement, code, status):
    answer = web.post("/", content=statement)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("part", ["INTERVAL(", "CASE WHEN 1 THEN ", "CASE WHEN 'x' THEN "])
def test_a_statement_over_which_the_parser_would_think_for_seconds_is_refused_at_once(web, part):
    began = time.monotonic()
    answer = web.post("/", content=f"SELECT {part * 900}1")
    assert time.monotonic() - began < 1
    assert answer.headers["x-clickhouse-exception-code"] == "718"
    many = ", ".join(f"CASE WHEN number = {n} THEN now() + INTERVAL {n} DAY END" for n in range(500))
    assert web.post("/", content=f"SELECT {many} FROM numbers(1)").status_code == 200


@pytest.mark.parametrize(
    "statement",
    ["SELECT length('" + "a" * 980_000 + "')", "SELECT 7 IN (" + ",".join(map(str, range(40_000))) + ")"],
    ids=["text", "list"],
)
def test_a_statement_may_be_as_long_as_the_document_says(web, statement):
    answer = web.post("/", content=statement.encode())
    assert (answer.status_code, answer.text.strip()) in {(200, "980000"), (200, "1")}, answer.text[:300]


def test_what_is_not_spoken_is_said(web):
    assert "decompress=0" in web.post("/", content="SELECT 1", params={"decompress": "1"}).text
    assert "use journey" in web.post("/", content="SELECT 1", params={"database": "other"}).text
    assert web.post("/", content=b"\xff", params={"database": "default"}).status_code == 400
    assert web.post("/", content=b"SELECT 1 --" + b"x" * 2_000_000).status_code == 400


@pytest.mark.parametrize(
    "header",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"referer": "https://evil.example/"},
    ],
)
def test_without_a_token_no_page_of_the_web_is_answered(web, header):
    assert web.post("/", content="SELECT 1", headers=header).status_code == 403


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"auth": ("anybody", TOKEN)}, 200),
        ({"headers": {"X-ClickHouse-User": "a", "X-ClickHouse-Key": TOKEN}}, 200),
        ({"headers": {"Authorization": f"Bearer {TOKEN}"}}, 200),
        ({"params": {"user": "a", "password": TOKEN}}, 200),
        ({}, 401),
        ({"auth": ("anybody", TOKEN[:-1])}, 401),
        ({"auth": (TOKEN, "")}, 401),
        ({"headers": {"Authorization": "Basic !"}}, 401),
        ({"headers": {"X-ClickHouse-Key": "é".encode()}}, 401),
    ],
)
def test_with_a_token_every_statement_needs_it(reader, how, status):
    client = Web(reader, TOKEN, "http://store.example")
    answer = client.post("/", content="SELECT 1", **how)
    assert answer.status_code == status
    assert client.get("/ping").status_code == 200
    assert TOKEN not in answer.text


def test_go_s_driver_is_told_the_revision_in_the_one_that_it_announced(web):
    asked = {"client_protocol_version": "54483", "default_format": "Native"}
    first_block = web.post("/", content=hello.QUESTION, params=asked)
    packed = web.post("/", content=hello.QUESTION, params=asked | {"compress": "1"})
    assert b"".join(unpacked(packed.content)) == first_block.content
    assert first_block.content[:10] == b"\x01\0\x02\xff\xff\xff\xff\0\x04\x01"
    assert b"\x0arevision()\x06UInt32\0\0\0\0\0" in first_block.content
    assert hello.first_block(0, "26", "UTC")[:17] == b"\x04\x01\x0ddisplayName()\x06"[:17]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"JOURNEY_SQL_HOST": "0.0.0.0"}, "set JOURNEY_SQL_TOKEN"),  # noqa: S104 - refused
        ({"JOURNEY_SQL_HOST": "10.0.0.1", "JOURNEY_SQL_TOKEN": TOKEN}, "in the clear"),
        ({"JOURNEY_SQL_TOKEN": "short"}, "16 characters"),
        ({"JOURNEY_SQL_PORT": "http"}, "must be a port"),
    ],
)
def test_settings_that_would_open_it_are_refused(monkeypatch, given, words):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words):
        Settings.read(Path())
