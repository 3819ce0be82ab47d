"""`journey --help` lists the commands without importing what they need."""

from typer.testing import CliRunner

from streams.cli.main import _overview, commands
from tests.fixtures.commands import JOURNEY, run


def test_it_says_what_the_commands_themselves_say():
    said = [CliRunner().invoke(app, ["--help"]).stdout for app in (_overview(), commands())]
    assert said[0] == said[1]
    assert "dead-letters" in said[0]


def test_without_words_it_is_printed_too_and_an_unknown_command_is_told():
    assert "dead-letters" in run([JOURNEY], capture_output=True, text=True).stdout
    wrong = run([JOURNEY, "lod"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "No such command 'lod'" in wrong.stderr
