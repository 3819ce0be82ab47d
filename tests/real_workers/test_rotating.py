"""`journey keys rotate` on a server: not while anybody is at work; killed, it is finished; nothing is lost or doubled."""

import signal
from contextlib import closing

from journey.identity.handle_key import HandleKey
from streams.handles.key import in_force
from tests.fixtures import commands
from tests.privacy.people import HERS, KEY, hers, history
from tests.privacy.traces import in_tables, patterns

LATER = bytes(range(100, 132))
SAME = (
    "SELECT arraySort(groupUniqArray(id)) AS events, sum(amount) AS spent FROM touchpoints GROUP BY customer"
    " ORDER BY events"
)


def rotate(deployment, **more):
    keys = {"JOURNEY_HANDLE_KEY": f"{KEY.hex()} {LATER.hex()}"}
    return commands.run(
        [commands.JOURNEY, "keys", "rotate", "--json"],
        env=deployment.environment | keys | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_every_handle_has_another_id_and_what_comes_under_the_old_key_is_kept_and_replayed(deploy):
    there = deploy(partitions=3)
    worker = there.worker()
    there.publish(history(), size=10)
    there.settle()
    refused = rotate(there)
    assert (refused.returncode, "stop every worker" in refused.stderr) == (2, True), refused
    assert worker.stop() == 0
    with closing(there.store()) as store:
        before, (known,) = store.rows(SAME), store.rows("SELECT count() AS n FROM interactions")
        for point in ("rekey.fill.after:4", "rekey.replace.after:3"):
            assert rotate(there, JOURNEY_FAULT=point).returncode == -signal.SIGKILL, point
            closed = commands.run(
                [commands.JOURNEY, "verify"],
                env=there.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert "the key of handles is being changed" in closed.stderr, closed
        done = rotate(there)
        assert done.returncode == 0, done
        assert in_force(store) == HandleKey(KEY + LATER, separate=True).fingerprint
        assert store.rows(SAME) == before
        assert in_tables(store, patterns([], HERS)) == []

        wrong = commands.run(
            [commands.JOURNEY, "gateway"], env=there.environment, capture_output=True, text=True, check=False
        )
        assert (
            f"hashed with the key {in_force(store)}, and ours is {HandleKey(KEY, separate=True).fingerprint}"
            in wrong.stderr
        )
        there.environment["JOURNEY_HANDLE_KEY"] = f"{KEY.hex()} {LATER.hex()}"
        there.worker()
        there.publish([*history(), *hers("stale")], size=10)  # by one who was left out
        there.settle()
        assert store.rows(SAME) == before
        told = there.json("dead-letters", "replay", "--reason", "unknown_key")
        assert (told["outcome"]["stored"], told["outcome"]["duplicates"]) == (5, known["n"])
        there.settle()
        (row,) = store.rows(
            "SELECT countIf(startsWith(id, 'stale')) AS new, count() AS n FROM touchpoints WHERE customer = {c:UInt64}",
            {"c": min(map(HandleKey(KEY + LATER).wrapped, HERS))},
        )
        assert row == {"new": 5, "n": 10}
    assert "all figures recompute" in there.run("verify")
