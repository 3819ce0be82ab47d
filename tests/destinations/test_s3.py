"""Objects in a store that speaks S3 are made anew, whole or not at all; credentials are in no message, state or log."""

import logging
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.destinations.config import parse
from streams.destinations.writing import WriteError, write
from streams.embedded.forget import forget
from streams.process.degraded import Degraded
from tests.destinations.test_files import written
from tests.destinations.world import everybody, found, look, serving, states
from tests.fixtures.servers.process import Process, free_port, listens, wait_until
from tests.readable.world import customer, load, opened, people

ACCESS, SECRET = "AKIAPLANTED0PLANTED0", "secret-planted-secret-planted-secret-pla"
BUCKET = "audiences-of-acme"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The address of a store with a bucket."""
    port = free_port()
    server = Process("moto", tmp_path_factory.mktemp("s3") / "log")
    server.start(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], lambda: listens(port)
    )
    with urlopen(Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")):
        pass
    yield f"http://127.0.0.1:{port}"
    server.kill()


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as embedded:
        load(embedded, people(range(6)))
        look(embedded, everybody())
        yield embedded


def objects(folder, endpoint, more="", bucket=BUCKET):
    (folder / "secret").write_text(f"{SECRET}\n")
    text = f"""
[[destination]]
name = "lake"
kind = "s3"
audiences = ["a"]
bucket = "{bucket}"
key = "{folder.name}/{{audience}}.parquet"
endpoint = "{endpoint}"
region = "eu-west-1"
private = true
format = "parquet"
every_s = 10
access_key = "$ACCESS"
secret_key_file = "{folder}/secret"
{more}"""
    secrets = {"$ACCESS": ACCESS, f"{folder}/secret": SECRET}
    return found(folder, text, secret=secrets.__getitem__)


def given(folder, store):
    with urlopen(f"{store}/{BUCKET}/{folder.name}/a.parquet") as answer:  # noqa: S310
        return pq.read_table(pa.BufferReader(answer.read()))


def test_the_object_has_the_members_with_their_numbers_and_no_longer_who_is_erased(engine, tmp_path, store):
    destinations = objects(tmp_path, store, "readable = true")
    written(engine, destinations)
    assert sorted(given(tmp_path, store).column("user_number").to_pylist()) == [
        [f"u-planted-{n}"] for n in range(6)
    ]
    forget(engine, customer(3))
    written(engine, destinations)
    assert ["u-planted-3"] not in given(tmp_path, store).column("user_number").to_pylist()
    assert given(tmp_path, store).num_rows == 5


def test_an_object_is_written_whole_or_not_at_all(tmp_path, store):
    (destination,) = objects(tmp_path, store)
    write(destination, "a", [b"PAR1"])

    def breaking():
        yield b"x" * 20_000_000  # more than one part
        raise OSError(28, "No space left on device")

    with pytest.raises(WriteError, match="No space left on device"):
        write(destination, "a", breaking())
    with urlopen(f"{store}/{BUCKET}/{tmp_path.name}/a.parquet") as answer:  # noqa: S310
        assert answer.read() == b"PAR1"


def test_a_bucket_that_is_not_there_is_named(engine, tmp_path, store):
    destinations, degraded = objects(tmp_path, store, bucket="not-there"), Degraded()
    with serving(engine, destinations, degraded=degraded):
        wait_until(lambda: states(engine, destinations)["lake", "a"].is_failing, 20, "the failure kept")
    (said,) = degraded.sentences()
    assert f"s3://not-there/{tmp_path.name}/a.parquet: " in said
    assert "NO_SUCH_BUCKET" in said


@contextmanager
def repeating():
    """A store that refuses everything, with the credentials in its answer."""

    class Handler(BaseHTTPRequestHandler):
        def _refuse(self):
            self.rfile.read(int(self.headers.get("content-length") or 0))
            body = f"<Error><Code>InvalidAccessKeyId</Code><Message>no {ACCESS} with {SECRET}</Message></Error>".encode()
            self.send_response(403)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET = do_HEAD = _refuse  # noqa: N815 - as the library wants them

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_credentials_are_in_no_message_state_or_log(engine, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    degraded = Degraded()
    with repeating() as endpoint:
        destinations = objects(tmp_path, endpoint)
        with serving(engine, destinations, degraded=degraded):
            wait_until(lambda: states(engine, destinations)["lake", "a"].is_failing, 20, "the failure kept")
    said = f"{degraded.sentences()} {states(engine, destinations)} {caplog.text} {destinations}"
    assert "no *** with ***" in said
    kept = engine.store.rows("SELECT * FROM feed_positions")
    for secret in (ACCESS, SECRET):
        assert secret not in f"{said} {kept}"


def test_credentials_in_the_file_itself_are_a_mistake_that_does_not_show_them(tmp_path):
    (file := tmp_path / "a.toml").write_text(
        f'[[destination]]\nname = "lake"\nkind = "s3"\naudiences = ["a"]\nbucket = "bbb"\nkey = "k1"\naccess_key = "{ACCESS}"\nsecret_key = "{SECRET}"\n'
    )
    _, mistakes = parse(file, ["a"])
    assert [one.partition(": destination ")[2] for one in mistakes] == [
        f"'lake': {key}: must be $NAME, an environment variable; or {key}_file names a file"
        for key in ("access_key", "secret_key")
    ]
