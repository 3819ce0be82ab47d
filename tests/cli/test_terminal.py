"""What events hold steers no terminal: every command that shows some is run on a pseudo-terminal, and its bytes are read."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from streams.text.printable import visible, visible_line
from tests.fixtures import commands

ESC, BELL, CSI = "\x1b", "\x07", "\x9b"
STEERING = f"film{ESC}]52;c;cHduZWQ={BELL}{ESC}[2J{CSI}31m\u202e\u2066\x7f\r[bold]b[/][link=http://x.example]l[/link]"
KEY = bytes(range(32)).hex()


def on_a_terminal(*words, data, **more):
    """Run a command on a pseudo-terminal and return what it wrote there, standard error too."""
    leader, follower = pty.openpty()
    environment = (
        os.environ
        | {"JOURNEY_HANDLE_KEY": KEY, "COLUMNS": "200", "TERM": "xterm-256color", "NO_COLOR": ""}
        | more
    )
    child = subprocess.Popen(
        [sys.executable, "-c", "from streams.cli.main import run; run()", *words, "--data", str(data)],
        stdin=follower, stdout=follower, stderr=follower, env=environment,
    )  # fmt: skip
    os.close(follower)
    parts = []
    with suppress(OSError):  # Linux says so when the other side has closed
        while part := os.read(leader, 65_536):
            parts.append(part)
    os.close(leader)
    child.wait(120)
    return b"".join(parts).decode()


def steering_in(text):
    """Return what steers in a text besides colours (SGR) and ends of lines."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n")
    return [text[max(at - 90, 0) : at + 30] for at, one in enumerate(text) if visible(one) != one]


def planted(name, **more):
    data = {"brand": "acme", "handles": {"cookie": f"cookie-{name}"}, "content": STEERING, "place": STEERING,
            "campaign": STEERING, "properties": {STEERING: STEERING}} | more  # fmt: skip
    return {"id": f"{name}{STEERING}", "source": f"shop{STEERING}", "type": "social.share",
            "time": "2026-11-01T12:00:00Z", "data": data}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terminal")
    first = planted("a")
    lines = [
        json.dumps(one)
        for one in (
            first,
            planted("b", cause=first["id"]) | {"type": "web.page_view"},
            planted("c", cause=STEERING) | {"type": "store.check_in"},
            planted("d", handles={"cookie": "cookie-d", "email": "d@example.org"})
            | {"type": "identity.link"},
            planted("e", brand=f"br{STEERING}"[:64]),
            planted("f") | {"time": STEERING},
            planted("g", **{STEERING: 1}),
        )
    ]
    (folder / "in.ndjson").write_text("\n".join([*lines, STEERING, f"{{{STEERING}"]))
    said = on_a_terminal("load", str(folder / "in.ndjson"), data=folder / "data")
    assert "5 accepted" in said
    progress = re.sub(r"\r|\x1b\[(?:\d*[KA]|\?25[lh])", "", said)
    assert steering_in(progress) == []
    return folder / "data"


COMMANDS = {
    "explain": ["explain", "cookie:cookie-a", "--brand", "acme"],
    "explain json": ["explain", "cookie:cookie-a", "--brand", "acme", "--json"],
    "cascades": ["cascades", "list"],
    "cascade": ["cascades", "show", f"a{STEERING}"[:5] + "*"],
    "letters": ["dead-letters", "list"],
    "letter": ["dead-letters", "show", "--limit", "9"],
    "letters json": ["dead-letters", "list", "--json"],
    "sql": ["sql", "SELECT id, source, brand, content, toString(properties) FROM interactions"],
    "sql tsv": ["sql", "SELECT id, content FROM interactions", "--format", "TSVRaw"],
    "sql binary": ["sql", "SELECT id, content FROM interactions", "--format", "RowBinary"],
    "sql error with odd bytes": ["sql", "SELECT throwIf(1, unhex('9b1b5b324a'))"],
    "sql error": ["sql", "SELECT throwIf(1, content) FROM interactions"],
    "stages": ["stages", "--brand", "nobody"],  # which is refused
    "identity": ["identity", "show", "cookie:cookie-d"],
    "cookbook": ["cookbook", "list"],
    "alerts": ["alerts", "list", "--all"],
    "verify": ["verify"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_sends_what_steers_a_terminal(name, data):
    said = on_a_terminal(*COMMANDS[name], data=data)
    assert steering_in(said) == []
    if name == "sql error with odd bytes":
        assert "Code: 395. DB::Exception: \\x9b" in said, said
    if name in {"explain", "sql", "sql tsv", "letters", "cascades"}:
        assert "␛" in said or "[31m" in said or "xxxx" in said, said


def test_markup_in_values_is_text(data):
    assert "[bold]b[/][link=http://x.example]l[/link]" in on_a_terminal(
        "explain", "cookie:cookie-a", "--brand", "acme", data=data
    )
    assert "\x1b]8;" not in on_a_terminal("cascades", "list", data=data)


def test_to_a_pipe_sql_gives_bytes_as_they_are_but_for_formats_that_people_read(data):
    query = "SELECT content FROM interactions LIMIT 1"
    for output, is_raw in (("TSVRaw", True), ("Vertical", False), ("PrettyCompactMonoBlock", False)):
        done = commands.run(
            [commands.JOURNEY, "sql", query, "--format", output, "--data", str(data)],
            capture_output=True, env=os.environ | {"JOURNEY_HANDLE_KEY": KEY}, check=True,
        )  # fmt: skip
        assert (ESC.encode() in done.stdout) is is_raw


def test_an_argument_that_steers_is_refused_in_words(data):
    said = on_a_terminal("explain", f"social:x{ESC}[2J", "--brand", "acme", data=data)
    assert "control character" in said
    assert steering_in(said) == []


def test_each_character_that_steers_has_a_picture_of_one_place():
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)):
        if chr(code) not in "\t\n":
            assert visible(chr(code)) != chr(code)
        assert len(visible_line(chr(code))) == 1
        assert visible_line(chr(code)) != chr(code)
    assert visible("Zoë 観客 🎬\tx\n") == "Zoë 観客 🎬\tx\n"
