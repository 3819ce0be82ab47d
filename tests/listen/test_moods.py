"""What people write on Bluesky and Mastodon has a mood that the listener makes, and remembers for what takes it back."""

import json
import logging

import pytest

from streams.listen.acts import Original
from streams.listen.mastodon import Home, Mastodon
from streams.listen.state import State
from streams.mood.moods import Mood, Moods
from tests.listen.boxes import Box
from tests.listen.jetstream import Network, mention, person
from tests.listen.test_bluesky import take

ANN = person(1)
ANGRY = "I hate this horrible service, zzplanted"
MOODS = Moods({"": ("en",)})


def opened(folder, source, moods=MOODS):
    box = Box(folder, source)
    box.outbox._moods = moods
    return box


WRITTEN = {
    "reply": lambda n, **said: n.reply(ANN, **said),
    "mention": lambda n, **said: n.post(ANN, facets=mention(), **said),
}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("again", [False, True])
def test_a_post_on_bluesky_has_a_mood_and_so_has_its_deletion(tmp_path, caplog, name, again):
    network, box = Network(), opened(tmp_path, "bluesky")
    with caplog.at_level(logging.DEBUG):
        key = WRITTEN[name](network, text=ANGRY)
        (done,) = take(box, network)
        if again:  # another process goes on
            box.state.close()
            box = opened(tmp_path, "bluesky")
        network.delete(ANN, "app.bsky.feed.post", key)
        undo = take(box, network)[-1]
    assert done["data"]["sentiment"] == undo["data"]["sentiment"] < -0.3
    assert done["data"]["properties"]["sentiment_by"] == undo["data"]["properties"]["sentiment_by"]
    box.state.close()
    found = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"zzplanted" not in found + json.dumps([done, undo]).encode() + caplog.text.encode()


@pytest.mark.parametrize(
    ("record", "feels"),
    [({"langs": ["fr"]}, False), ({"langs": ["en-US"]}, True), ({"langs": ["fr", "en"]}, True), ({"langs": 5}, True), ({"text": ["zzplanted"]}, False),
     ({"text": None}, False), ({"text": "gate 4"}, False)],
)  # fmt: skip
def test_the_record_names_its_language(tmp_path, record, feels):
    network, box = Network(), opened(tmp_path, "bluesky")
    network.post(ANN, facets=mention(), **({"text": ANGRY} | record))
    sent = take(box, network)
    assert [("sentiment" in event["data"]) for event in sent] == [feels]
    box.state.close()


def test_without_moods_nothing_is_read(tmp_path):
    network, box = Network(), opened(tmp_path, "bluesky", Moods({}))
    network.reply(ANN, text=ANGRY)
    (done,) = take(box, network)
    assert "sentiment" not in done["data"]
    box.state.close()


def test_a_mention_on_mastodon_has_a_mood_and_a_favourite_none(tmp_path):
    box = opened(tmp_path, "mastodon")
    home = Home("https://m.example", "m.example", "1", "lumiere")
    reader = Mastodon(home, box.outbox, lambda: 1_797_000_000_000_000)
    post = {
        "id": "77",
        "content": f"<p>{ANGRY}</p>",
        "language": "en",
        "visibility": "public",
        "in_reply_to_id": "5",
        "in_reply_to_account_id": "1",
    }

    def notified(number, kind, **more):
        reader.notified(
            {
                "id": str(number),
                "type": kind,
                "created_at": "2026-10-17T12:00:00Z",
                "account": {"id": "9", "acct": "ann"},
                "status": post | more,
            }
        )

    for number, (kind, more) in enumerate(
        [("mention", {}), ("favourite", {"id": "78"}), ("reblog", {"id": "79"}), ("mention", {"id": "80", "language": "fr"}),
         ("mention", {"id": "81", "visibility": "direct"}), ("quote", {"id": "82"}), ("mention", {"id": "83", "language": None})], 1
    ):  # fmt: skip
        notified(number, kind, **more)
    sent = box.sent
    assert [("sentiment" in event["data"]) for event in sent] == [True, False, False, False, True, True, True]
    box.outbox.remove("77")
    undo = box.sent[-1]
    assert (undo["type"], undo["data"]["sentiment"]) == ("social.uncomment", sent[0]["data"]["sentiment"])
    assert "zzplanted" not in json.dumps(box.sent)
    box.state.close()


def test_a_state_with_and_without_moods_is_read(tmp_path):
    state = State(tmp_path, "bluesky", handle_key=bytes(32))
    made = {
        "plain": Original("1", "social.comment", "t", None),
        "felt": Original("2", "social.comment", "t", "c", "ann", "v", mood=Mood(-0.5, "m en")),
    }
    state.commit("1", "", made, {})
    assert {name: state.original(name) for name in made} == made
    assert state.names(5) == ["felt"]
    stored = [
        json.loads(row[0]) for row in state._db.execute("SELECT original FROM originals ORDER BY place")
    ]
    assert [len(each) for each in stored] == [5, 7], "as before where there is no mood"
    state.close()
