"""Tables of destinations: each mistake is named by destination and key, secrets are in no message, the guide's examples are right."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from streams.audiences.config import Audience
from streams.audiences.config import parse as parse_audiences
from streams.destinations.config import FileDestination, parse, read, unread
from streams.destinations.delivery import check
from streams.settings import KafkaSettings, ReadableKinds, Settings, SettingsError
from tests.fixtures import commands

GUIDE = Path("deploy/docs/guide/audiences.md").read_text(encoding="utf-8")
EXAMPLES = [
    block for block in re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL) if "[[destination]]" in block
]
NAMES = ("about-to-lapse", "angry-and-worth-most", "a", "b")
FILE = '[[destination]]\nname = "d"\nkind = "file"\naudiences = ["a"]\npath = "/srv/a.csv"\n'
S3 = '[[destination]]\nname = "d"\nkind = "s3"\naudiences = ["a"]\nbucket = "bbb"\nkey = "k.csv"\n'
AUDIENCE = '[[audience]]\nname = "a"\nbrand = "acme"\nstages = ["advocacy"]\n'
SEGMENT = '[[destination]]\nname = "d"\nkind = "segment"\naudiences = ["a"]\nwrite_key = "$KEY"\n'
KAFKA = '[[destination]]\nname = "d"\nkind = "kafka"\naudiences = ["a"]\ntopic = "t"\n'
AUDIENCES = [Audience(name=name, brand="acme", stages=("advocacy",)) for name in ("a", "b")]


def parsed(folder, text, secret=lambda _: "secret-planted"):
    (file := folder / "audiences.toml").write_text(text)
    return parse(file, NAMES, secret)


def test_the_guide_has_an_example_of_each_kind_and_each_is_right(tmp_path):
    found, mistakes = parsed(tmp_path, "\n".join(EXAMPLES))
    assert mistakes == []
    assert sorted(one.kind for one in found) == ["file", "kafka", "s3", "segment"]
    for one in found:
        missing = [
            key
            for key in type(one).model_fields
            if not re.search(rf"`{key}`|`{key} =|^{key} = ", GUIDE, re.MULTILINE)
        ]
        assert missing == [], "each key is described"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (FILE.replace('"file"', '"ftp"'), "kind: must be one of kafka, segment, file, s3"),
        (FILE.replace('kind = "file"\n', ""), "kind: must be one of"),
        (FILE + "paths = 1\n", "paths: unknown; there are name, audiences, readable, format, every_s, kind, path"),
        (FILE.replace('["a"]', '["c"]'), "audiences: there is no audience 'c'"),
        (FILE.replace('["a"]', '["a", "a"]').replace("/a.csv", "/{audience}"), "audiences: one is named twice"),
        (FILE.replace('["a"]', "[]"), "audiences: Tuple should have at least 1 item"),
        (FILE.replace('["a"]', '["a", "b"]'), "path: of several audiences, must have {audience} in it"),
        (FILE.replace("/srv/a.csv", "a.csv"), "path: String should match"),
        (FILE + "every_s = 9\n", "every_s: Input should be greater than or equal to 10"),
        (FILE + 'format = "xml"\n', "format: Input should be 'csv' or 'parquet'"),
        (FILE + FILE, "name: 'd' is used twice"),
        (FILE + FILE.replace('"d"', '"e"'), "path: /srv/a.csv is used twice"),
        (FILE.replace('"d"', '"d/e"'), "name: String should match"),
        (SEGMENT.replace("$KEY", "secret-in-clear"), "write_key: must be $NAME, an environment variable; or write_key_file"),
        (SEGMENT + 'write_key_file = "/x"\n', "write_key: write_key_file is given too"),
        (SEGMENT + 'url = "http://cdp.example.com"\n', "url: must be https"),
        (SEGMENT + 'url = "https://127.0.0.1"\n', "url: 127.0.0.1 is not a public address"),
        (SEGMENT + 'url = "https://cdp.example.com/?k=secret"\n', "url: must have no ? and no #"),
        (SEGMENT + 'calls = ["group"]\n', "calls.0: Input should be 'identify' or 'track'"),
        (KAFKA + 'servers = ["secret@broker"]\n', "servers.0: String should match"),
        (KAFKA.replace('topic = "t"\n', ""), "topic: Field required"),
        (S3 + 'access_key = "$A"\n', "access_key and secret_key belong together"),
        (S3 + 'endpoint = "http://s3.example.com"\n', "endpoint: must be https"),
        (S3.replace("k.csv", "/k.csv"), "key: String should match"),
        ("destination = 1\n", "destination: must be tables [[destination]]"),
        ("[[destination\n", "Expected"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_without_secrets(tmp_path, text, mistake):
    _, mistakes = parsed(tmp_path, text)
    assert mistake in mistakes[0]
    assert str(tmp_path / "audiences.toml") in mistakes[0]
    assert not re.search(r"secret-in-clear|secret-planted|secret@|k=secret", str(mistakes))


def test_a_secret_is_in_the_environment_or_in_a_file_and_one_that_is_missing_is_named(tmp_path, monkeypatch):
    (file := tmp_path / "audiences.toml").write_text(AUDIENCE + SEGMENT)
    with pytest.raises(SettingsError, match="destination 'd': write_key: the environment has no KEY"):
        read(file)
    monkeypatch.setenv("KEY", "secret-planted")
    (one,) = read(file)
    assert getattr(one, "write_key") == "secret-planted"  # noqa: B009 - of one kind
    assert "secret-planted" not in repr(one)
    (tmp_path / "key").write_text("in-a-file\n")
    file.write_text(AUDIENCE + SEGMENT.replace('write_key = "$KEY"', f'write_key_file = "{tmp_path}/key"'))
    (one,) = read(file)
    assert getattr(one, "write_key") == "in-a-file"  # noqa: B009 - of one kind
    (tmp_path / "key").write_text("")
    with pytest.raises(SettingsError, match="must have one word in it"):
        read(file)


def test_who_only_looks_needs_no_secret(tmp_path):
    (file := tmp_path / "audiences.toml").write_text(AUDIENCE + SEGMENT + FILE.replace('"d"', '"e"'))
    assert [one.name for one in unread(file)] == ["d", "e"]


@pytest.mark.parametrize(
    ("text", "settings", "mistake"),
    [
        (KAFKA, {}, "destination 'd': which Kafka"),
        (KAFKA, {"cluster": "c", "kafka": KafkaSettings(servers=("k:1",))}, "replicas get writes in any order"),
        (FILE + "readable = true\n", {}, "readable = true: no handles are kept readable: JOURNEY_READABLE"),
        (FILE + "readable = true\n", {"readable": ReadableKinds.parse("nova=user")}, "JOURNEY_READABLE_KEY is not set"),
        (
            FILE + "readable = true\n",
            {"readable": ReadableKinds.parse("nova=user"), "readable_key": bytes(32)},
            "JOURNEY_READABLE names no kind for acme",
        ),
        (
            SEGMENT + "readable = true\n",
            {"readable": ReadableKinds.parse("loyalty"), "readable_key": bytes(32)},
            "user_id: 'user' is not kept readable for acme: there are loyalty",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_served_here_is_named(tmp_path, text, settings, mistake):
    found, mistakes = parsed(tmp_path, text)
    assert mistakes == []
    with pytest.raises(SettingsError, match=re.escape(mistake)):
        check(found, AUDIENCES, replace(Settings(tmp_path), **settings))


def test_the_command_names_mistakes_of_both_kinds_of_tables(tmp_path):
    (file := tmp_path / "audiences.toml").write_text(
        '[[audience]]\nname = "a"\n' + FILE + SEGMENT.replace('"d"', '"e"')
    )
    words = [commands.JOURNEY, "audience", "check", file]
    done = commands.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert [line.partition(": ")[2].partition(": ")[0] for line in done.stderr.splitlines()] == [
        "audience 'a'",
        "destination 'e'",
    ]
    file.write_text('[[audience]]\nname = "a"\nbrand = "acme"\nstages = ["advocacy"]\n' + FILE)
    done = commands.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "1 audiences and 1 destinations, no mistake\n")


def test_a_path_is_of_its_audience(tmp_path):
    (one,), _ = parsed(tmp_path, FILE.replace("a.csv", "{audience}.csv"))
    assert isinstance(one, FileDestination)
    assert parse_audiences(tmp_path / "audiences.toml") == ([], [])
