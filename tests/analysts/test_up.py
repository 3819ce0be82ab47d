"""journey up answers queries while it takes events: clickhouse-connect, curl and the driver of JDBC ask it."""

import re
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.analysis import cookbook
from tests.collector.server import BATCH, Collector, event
from tests.fixtures.servers.downloads import Unavailable, jdbc_jars
from tests.fixtures.servers.process import wait_until
from tests.on_server.conftest import KEY

TOKEN = "a-token-of-twenty-chars"


@pytest.fixture(scope="module")
def up(loaded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("up")
    shutil.copytree(loaded, folder / "data", symlinks=True)
    collector = Collector(folder, JOURNEY_SQL_PORT="0", JOURNEY_SQL_TOKEN=TOKEN, JOURNEY_HANDLE_KEY=KEY)
    collector.secret = collector.key("shop")
    yield collector.start()
    collector.kill()


@pytest.fixture(scope="module")
def address(up):
    return re.search(r"answering queries on (http://127\.0\.0\.1:\d+)", up.log)[1]


@pytest.fixture(scope="module")
def client(address):
    port = int(address.rpartition(":")[2])
    with closing(
        clickhouse_connect.get_client(host="127.0.0.1", port=port, username="analyst", password=TOKEN)
    ) as opened:
        yield opened


def test_clickhouse_connect_asks_as_it_would_a_server(client):
    rows = client.query(
        "SELECT brand, count() FROM touchpoints WHERE brand = {brand:String} GROUP BY brand",
        parameters={"brand": "lumiere"},
    ).result_rows
    assert rows[0][0] == "lumiere"
    recipe = cookbook.recipe("revenue_by_stage")
    arrow = client.query_arrow(recipe.sql, parameters=dict(recipe.defaults))
    assert arrow["customers"].to_pylist()[0] > 100
    assert client.command("EXISTS TABLE journeys") == 1
    assert client.query("DESCRIBE TABLE journeys").row_count > 20
    for statement in ("DROP TABLE targets", "SELECT file('/etc/passwd')"):
        with pytest.raises(DatabaseError, match="code: 164"):
            client.command(statement)
    with pytest.raises(DatabaseError):
        client.insert("targets", [["x"]], column_names=["brand"])


def test_curl_asks_with_compression_and_is_told_no_without_the_token(address):
    def curl(*words):
        done = subprocess.run(["curl", "-sS", *words], capture_output=True, text=True, check=True, timeout=30)
        return done.stdout

    asked = f"{address}/?enable_http_compression=1&param_brand=lumiere"
    sql = "SELECT stage, customers FROM stage_population WHERE brand = {brand:String} ORDER BY position"
    answer = curl("--compressed", "-u", f"a:{TOKEN}", asked, "--data-binary", sql)
    assert [line.split("\t")[0] for line in answer.splitlines()] == [
        "none", "attention", "attraction", "affinity", "audience", "advocacy",
    ]  # fmt: skip
    assert "JOURNEY_SQL_TOKEN" in curl(asked, "--data-binary", sql)


def test_the_driver_of_jdbc_asks_as_it_comes_with_answers_in_clickhouse_s_own_blocks(address):
    try:
        jars = jdbc_jars()
    except Unavailable as error:
        pytest.skip(str(error))
    asked = (
        "SELECT count() FROM touchpoints WHERE brand = 'lumiere'",
        "SELECT toString(number * 1000003) FROM numbers(400000)",  # several blocks
        "SELECT stage FROM stage_population WHERE 0",
        "SELECT nothing FROM touchpoints",
        "DROP TABLE targets",
    )
    url = address.replace("http:", "jdbc:clickhouse:") + "/journey"
    program = Path(__file__).with_name("Ask.java")
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", str(program), url, TOKEN, *asked]
    done = subprocess.run(java, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    counted, many, none, unknown, refused, tables = (
        line.split("\t") for line in done.stdout.splitlines()[-6:]
    )
    assert counted[0] == "1"
    assert int(counted[1]) > 4_000
    assert many == ["400000", str(399_999 * 1_000_003)]
    assert none == ["0", ""]
    assert unknown[0].startswith("Code: 47. DB::Exception: Unknown expression identifier `nothing`")
    assert refused[0].startswith("Code: 164. DB::Exception: ")
    assert {"journeys", "touchpoints", "targets"} <= set(tables[0].split())


def test_events_become_rows_while_a_query_runs(up, client):
    def processed():
        with closing(sqlite3.connect(f"file:{up.data / 'log.sqlite'}?mode=ro", uri=True)) as log:
            ((offset,),) = log.execute("SELECT offset FROM committed").fetchall()
        return offset

    before, counted = (
        processed(),
        client.command("SELECT count() FROM interactions WHERE source = 'https://shop.example'"),
    )
    ended = []
    long = "SELECT max(sipHash64(number)) FROM numbers(100000000)"
    slow = threading.Thread(target=lambda: ended.append((client.command(long), time.monotonic())))
    slow.start()
    time.sleep(0.3)  # it has begun
    assert up.send([event(f"q{n}") for n in range(50)], up.secret, kind=BATCH).status == 202
    wait_until(lambda: processed() > before, 30, "the frame to be in the tables", every_s=0.02)
    stored = time.monotonic()
    slow.join()
    assert ended[0][1] > stored
    assert (
        client.command("SELECT count() FROM interactions WHERE source = 'https://shop.example'")
        == counted + 50
    )


def test_it_ends_cleanly_with_the_engine(up):
    assert up.stop() == 0
