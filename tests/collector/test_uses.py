"""What a write key is for, and so may do: the table of uses, as commands make it and as routes judge it."""

import json

import pytest

from streams.collector.presets import PRESETS
from tests.collector.server import BATCH, event
from tests.collector.test_identity_grant import two
from tests.fixtures import commands
from tests.fixtures.servers.process import wait_until

# What each use is refused: (preset, options) to what is sent and the status of its answer.
PAGE = {"origin": "https://shop.example"}
USES = {
    "server": ((), {"web": 202, "store": 202, "page": 403, "link": 202, "elsewhere": 403, "joined": True}),
    "browser": (
        ("--origin", "https://shop.example"),
        {"web": 202, "store": 403, "page": 202, "link": 403, "elsewhere": 403, "joined": False},
    ),
    "till": ((), {"web": 403, "store": 202, "page": 403, "link": 202, "elsewhere": 403, "joined": True}),
    "import": ((), {"web": 202, "store": 202, "page": 403, "link": 202, "elsewhere": 403, "joined": True}),
}


@pytest.fixture(scope="module")
def uses(shared):
    made = {
        name: shared.run("keys", "write", "create", name, "--brand", "lumiere", "--for", name, *more).strip()
        for name, (more, _) in USES.items()
    }
    last = list(made.values())[-1]
    wait_until(lambda: shared.send([], last, kind=BATCH).status == 202, 10, "the keys to be known")
    return made


@pytest.mark.parametrize("use", USES)
def test_a_key_may_do_what_its_use_needs_and_no_more(shared, uses, use):
    key, (_, expected) = uses[use], USES[use]
    kind = "store.visit" if use == "till" else "web.page_view"
    found = {
        "web": shared.send(event("web"), key).status,
        "store": shared.send(event("store", type="store.visit"), key).status,
        "page": shared.send(event("page", type=kind), key, **PAGE).status,
        "link": shared.send(two("link", "a", "b", type="identity.link"), key).status,
        "elsewhere": shared.send(event("elsewhere", type=kind, data={"brand": "maison"}), key).status,
        "joined": "linked" not in shared.send(two("two", "a", "b", type=kind), key).json["items"][0],
    }
    assert found == expected


def test_uses_are_all_tried():
    assert USES.keys() == PRESETS.keys()


def keys_write(folder, *words):
    return commands.run(
        [commands.JOURNEY, "keys", "write", *words, "--data", folder / "data"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_options_override_what_a_key_is_for_and_the_list_shows_the_grants(tmp_path):
    for name, words in {
        "plain": (),
        "narrow": ("--channel", "web"),
        "page": ("--for", "browser", "--origin", "https://shop.example", "--identity", "--rate", "7"),
        "till": ("--for", "till", "--no-identity"),
    }.items():
        done = keys_write(tmp_path, "create", name, "--brand", "nova", *words)
        assert done.returncode == 0, done.stderr
    shown = {one["name"]: one for one in json.loads(keys_write(tmp_path, "list", "--json").stdout)}
    assert {
        name: (one["channels"], one["identity"], one["events_per_second"]) for name, one in shown.items()
    } == {
        "plain": (["*", "identity"], True, 1_000),
        "narrow": (["web"], False, 1_000),
        "page": (["web", "social", "identity"], True, 7),
        "till": (["store", "support"], False, 100),
    }
    listed = keys_write(tmp_path, "list").stdout
    assert "origins of no page; identity" in listed
    assert "no identity: its events join nobody" in listed


def test_a_key_of_a_page_needs_to_know_of_which(tmp_path):
    done = keys_write(tmp_path, "create", "page", "--brand", "nova", "--for", "browser")
    assert done.returncode == 2
    assert "--origin" in done.stderr
    assert (
        "there are server, browser, till, import"
        in keys_write(tmp_path, "create", "page", "--brand", "nova", "--for", "kiosk").stderr
    )


def test_help_says_what_each_use_grants(tmp_path):
    done = commands.run(
        [commands.JOURNEY, "keys", "write", "create", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said = " ".join(done.stdout.split())
    for name, preset in PRESETS.items():
        assert f"--for {name}" in said
        assert preset.description in said
