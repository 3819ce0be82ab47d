"""A stream that breaks off, talks nonsense or too much, and a collector that takes nothing: it goes on, within bounds."""

import socket
import threading
import time

import pytest

from streams.clock import system_clock
from streams.listen.jetstream import Jetstream
from streams.listen.sender import NotSentError
from tests.fixtures.servers.process import free_port, wait_until
from tests.listen.jetstream import BRAND, JetstreamServer, Network, mention, person


@pytest.fixture
def network():
    made = Network()
    for number in range(5):
        made.like(person(number))
    return made


class Away:
    """A server that does not run."""

    url = f"ws://127.0.0.1:{free_port()}"


def listener(box, *servers, asked, **more):
    return Jetstream(
        [server.url for server in servers],
        (BRAND,),
        box.outbox,
        asked=asked,
        clock=system_clock,
        report=lambda: None,
        since_us=1_700_000_000_000_000,
        **more,
    )


def run_to(box, cursor, *servers):
    """Listen until everything up to a cursor was sent."""
    asked = threading.Event()
    ends = threading.Thread(target=_stop_at, args=(box, str(cursor), asked))
    ends.start()
    listener(box, *servers, asked=asked).run()
    ends.join()
    assert box.outbox.cursor == str(cursor)


def _stop_at(box, cursor, asked):
    until_s = time.monotonic() + 20
    while box.outbox.cursor != cursor and time.monotonic() < until_s:
        time.sleep(0.01)
    asked.set()


def _ends(connection):
    connection.socket.shutdown(socket.SHUT_RDWR)


def _half_a_frame(connection):
    connection.socket.sendall(b"\x81\x7e\x10\x00" + b'{"did":"did:plc:')
    _ends(connection)


def _no_frame(connection):
    connection.socket.sendall(b"\xff\xff\xff\xff" * 10)
    time.sleep(0.05)


def _too_much(connection):
    connection.send("x" * 3_000_000)


def _bomb(connection):
    connection.send("0" * 40_000_000)  # 40 kB as it is sent


def _odd(connection):
    connection.ping()
    for frame in (b"\x00\x01", "", "{}", "[1]", '{"time_us": "now"}', "\U0001f600"):
        connection.send(frame)


def _closes(connection):
    connection.close(1013, "later")


NONSENSE = [_ends, _half_a_frame, _no_frame, _too_much, _bomb, _odd, _closes]


@pytest.mark.parametrize("does", NONSENSE)
def test_whatever_a_server_does_the_next_connection_goes_on(box, network, does):
    server = JetstreamServer(network.messages)
    server.before = [does]
    with server.running():
        run_to(box, network.us, server)
    assert box.types == ["social.like"] * 5
    assert len(server.asked) == 2
    assert server.asked[0]["wantedCollections"] == [
        "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow",
    ]  # fmt: skip


def test_the_next_server_is_tried_where_one_is_away_and_more_is_read_again_of_another(box, network):
    server = JetstreamServer(network.messages)
    with server.running():
        run_to(box, network.us, Away(), server)
        network.like(person(9))
        run_to(box, network.us, server)
    assert not box.tally.trouble
    first, again = (int(query["cursor"][0]) for query in server.asked)
    assert first == 1_700_000_000_000_000 - 120_000_000
    assert again == network.us - 1_000_000 - 5_000_000
    assert box.types == ["social.like"] * 6


def test_a_server_that_goes_back_moves_no_cursor_back(box, network):
    messages = list(network.messages)
    server = JetstreamServer(messages + messages[:3])
    with server.running():
        run_to(box, network.us, server)
        wait_until(lambda: server.sent == 8, 5, "everything to be sent", every_s=0.01)
    assert box.types == ["social.like"] * 5


def test_it_says_when_the_server_has_no_longer_what_it_was_asked_for(box, network, caplog):
    server = JetstreamServer(network.messages)
    with server.running():
        run_to(box, network.us, server)
    assert box.tally.passed["gap"] == 1
    assert "is lost" in caplog.text


def test_a_collector_that_takes_nothing_stops_the_server_from_sending(box):
    network, goes_on, seen = Network(), threading.Event(), []
    for number in range(1_500):
        network.post(person(number), text="x" * 30_000, facets=mention())
    taken = box.sender.send

    def wait(lines):
        goes_on.wait(20)
        return taken(lines)

    def look():
        while not seen or server.sent != seen[-1] or not seen[-1]:
            seen.append(server.sent)
            time.sleep(0.3)
        goes_on.set()

    box.sender.send = wait
    server = JetstreamServer(network.messages, compression=None)
    with server.running():
        looks = threading.Thread(target=look)
        looks.start()
        run_to(box, network.us, server)
        looks.join()
    assert 0 < seen[-1] < 1_200, "of 1,500 messages of 30 kB, a batch and what fits into buffers"
    assert len(box.sender.events) == 1_500


def test_what_the_collector_does_not_have_at_the_end_is_read_again(box, network):
    server = JetstreamServer(network.messages)
    box.sender.is_away = True
    with server.running():
        with pytest.raises(NotSentError):
            run_to(box, network.us, server)
        box.outbox.drop()
        assert box.outbox.cursor == "1700000000000000"
        box.sender.is_away = False
        run_to(box, network.us, server)
    assert box.types == ["social.like"] * 5


def test_until_caught_up_it_ends_by_itself(box, network):
    server = JetstreamServer(network.messages)
    with server.running():
        listener(box, server, asked=threading.Event(), until_caught_up=True).run()
    assert box.types == ["social.like"] * 5
