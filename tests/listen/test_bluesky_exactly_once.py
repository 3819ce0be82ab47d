"""What people did on Bluesky is stored once each, whatever breaks off, is sent again, goes back or is killed."""

import random
import time
from datetime import timedelta

import pytest

from tests.fixtures.servers.process import wait_until
from tests.listen.jetstream import BRAND, POST, START, JetstreamServer, Network, mention, person

OTHER = "did:plc:somebodyelse222222222222"
TYPES = ("like", "repost", "follow", "reply", "quote", "mention")
KINDS = {
    "like": ("social.like", "social.unlike"),
    "repost": ("social.share", "social.unshare"),
    "follow": ("social.follow", "social.unfollow"),
    "reply": ("social.comment", "social.uncomment"),
    "quote": ("social.share", "social.unshare"),
    "mention": ("social.user_content", "social.withdrawn_content"),
}
COLLECTIONS = {"like": "feed.like", "repost": "feed.repost", "follow": "graph.follow"}


def history(seed, acts=60):
    """Return a network in which people do things to the brand, and take a third of them back; and what is to be stored."""
    chance, network, expected = random.Random(seed), Network(), []
    done = []
    for number in range(acts):
        what, who = chance.choice(TYPES), person(number % 7)
        made = {"mention": lambda who: network.post(who, facets=mention())}.get(what) or getattr(
            network, what
        )
        key = made(who)
        at = network.at - timedelta(milliseconds=500)
        about = "" if what in {"follow", "mention"} else POST
        expected.append((KINDS[what][0], f"{at:%Y-%m-%d %H:%M:%S.%f}", about))
        done.append((what, who, key, at, about))
        for _ in range(chance.randrange(4)):
            chance.choice([network.like, network.repost, network.reply])(
                person(number), f"at://{OTHER}/app.bsky.feed.post/{number}"
            )
        if chance.random() < 0.4:
            what, who, key, at, about = done.pop(chance.randrange(len(done)))
            network.delete(who, f"app.bsky.{COLLECTIONS.get(what, 'feed.post')}", key)
            expected.append((KINDS[what][1], f"{at:%Y-%m-%d %H:%M:%S.%f}", about))
    return network, sorted(expected)


def stored(collector):
    rows = collector.rows(
        "SELECT type, toString(time) AS at, content, event, source, cause, id FROM interactions ORDER BY ALL"
    )
    assert len({row["event"] for row in rows}) == len(rows)
    assert {row["source"] for row in rows} <= {"bluesky"}
    ids = {row["id"] for row in rows}
    assert all(row["cause"] in ids for row in rows if row["id"].endswith(":undo"))
    return sorted((row["type"], row["at"], row["content"] or "") for row in rows)


def options(server):
    return ("bluesky", "--account", BRAND, "--server", server.url, "--since", START.isoformat())


FAULTS = ("listen.key", "listen.open", "listen.own", "listen.send", "listen.commit")


@pytest.mark.parametrize(
    "sides", [("after", "before"), pytest.param(("before", "after"), marks=pytest.mark.soak)]
)
def test_killed_at_each_write_and_at_any_moment_beside_a_server_that_breaks_off_and_repeats(
    collector, listen, sides
):
    network, expected = history(1)
    chance = random.Random(2)
    server = JetstreamServer([])
    server.cut, server.rewind_us = lambda: chance.randrange(1, 60), 15_000_000
    with server.running():
        listener = listen(*options(server))
        collector.start()
        for number, name in enumerate(FAULTS):
            fault = f"{name}.{sides[number % 2]}"
            server.messages += network.messages[number * 10 : number * 10 + 10]
            listener.start(JOURNEY_FAULT=fault)
            wait_until(lambda: not listener.process.running, 20, f"{fault}: {listener.log}", every_s=0.01)
        server.messages += network.messages[len(FAULTS) * 10 :]
        for _ in range(2):
            listener.start()
            time.sleep(chance.uniform(0.2, 0.8))
            listener.kill()
        collector.kill()  # and the collector, while the next one sends
        listener.start()
        collector._environment["JOURNEY_COLLECTOR_PORT"] = str(collector.port)
        collector.start()
        server.cut = lambda: None
        listener.run_to(network.us)
        assert listener.stop() == 0, listener.log
    assert collector.process.stop() == 0
    assert stored(collector) == expected
    assert "all figures recompute" in collector.run("verify")
    kept = b"".join(path.read_bytes() for path in listener.state.iterdir())
    assert not [word for word in (b"planted", b"did:plc:person") if word in kept]
    assert {path.stat().st_mode & 0o777 for path in listener.state.iterdir()} == {0o600}
