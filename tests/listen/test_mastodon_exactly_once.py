"""What people did on Mastodon is stored once each, whatever breaks off or is killed, and whatever happens meanwhile."""

import random
import time
from collections import Counter

from tests.fixtures.servers.process import wait_until
from tests.listen.mastodon_server import BRAND, TOKEN, MastodonServer

FAULTS = ("listen.send.after", "listen.commit.before:2")


def happen(server, chance, expected, written, count):
    """Have things happen to the brand."""
    ours = server.status(BRAND)
    for number in range(count):
        who, what = f"p{number}@elsewhere.example", chance.randrange(5)
        if what == 0:
            server.notify("favourite", who, status=ours)
            expected["social.like"] += 1
        elif what == 1:
            server.notify("reblog", who, status=ours)
            expected["social.share"] += 1
        elif what == 2:
            server.notify("follow", who)
            expected["social.follow"] += 1
        else:
            more = {"in_reply_to_id": ours["id"], "in_reply_to_account_id": BRAND["id"]} if what == 3 else {}
            written.append((server.mention(who, **more), what))
            expected["social.comment" if what == 3 else "social.user_content"] += 1


def delete(server, chance, expected, written):
    """Have a post deleted that was there for a while."""
    status, what = written.pop(chance.randrange(len(written)))
    server.delete(status)
    expected["social.uncomment" if what == 3 else "social.withdrawn_content"] += 1


def test_killed_at_each_write_and_at_any_moment_while_things_happen(collector, listen):
    chance, expected, written = random.Random(4), Counter(), []
    server = MastodonServer()
    server.cut = 9
    with server.running():
        words = ("mastodon", "--server", server.url)
        listener = listen(*words, JOURNEY_MASTODON_TOKEN=TOKEN)
        collector.start()

        def caught_up():
            listener.start("--until-caught-up")
            wait_until(lambda: not listener.process.running, 20, f"the end: {listener.log}", every_s=0.01)

        caught_up()  # the first start begins now
        for fault in FAULTS:
            listener.start(JOURNEY_FAULT=fault)
            happen(server, chance, expected, written, 12)
            wait_until(lambda: not listener.process.running, 20, f"{fault}: {listener.log}", every_s=0.01)
        for _ in range(2):
            listener.start()
            happen(server, chance, expected, written, 20)
            time.sleep(chance.uniform(0.2, 0.7))
            listener.kill()
        caught_up()
        for _ in range(5):
            delete(server, chance, expected, written)  # while nobody listens
        caught_up()
        server.cut = None
        listener.start()
        wait_until(lambda: server.streams, 20, f"the stream: {listener.log}", every_s=0.01)
        happen(server, chance, expected, written, 5)
        delete(server, chance, expected, written)  # while it listens
        server.notify("follow", "last")
        expected["social.follow"] += 1
        listener.run_to(server.notifications[-1]["id"])
        assert listener.stop() == 0, listener.log
    assert collector.process.stop() == 0
    rows = collector.rows("SELECT type, event, id, cause FROM interactions")
    assert Counter(row["type"] for row in rows) == expected
    assert len({row["event"] for row in rows}) == len(rows)
    assert all(row["id"] == f"{row['cause']}:undo" for row in rows if row["cause"])
    kept = b"".join(path.read_bytes() for path in listener.state.iterdir()) + listener.log.encode()
    theirs = [name.encode() for name, one in server.statuses.items() if one["account"] is not BRAND]
    assert not [word for word in (b"planted", b"elsewhere", *theirs) if word in kept]
