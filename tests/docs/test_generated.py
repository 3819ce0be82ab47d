"""Documents that the program writes are current."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli import handbook
from streams.environment import ENVIRONMENT

ROOT = Path(__file__).parents[2]
COMMAND = handbook.__name__


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The documents as they are written now, in a narrow terminal; the engine runs in a process of its own."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run(
        [sys.executable, "-m", COMMAND, folder],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "40", "TERMINAL_WIDTH": "40", "TZ": "Asia/Tokyo"},
        check=True,
    )
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "tables.md"])
def test_a_generated_document_is_current(written, name):
    current = (ROOT / handbook.FOLDER / name).read_text(encoding="utf-8")
    assert written[name] == current, f"run: python -m {COMMAND}"


def test_every_setting_is_in_one_section():
    assert sorted(re.findall(r"^\| `(\w+)` \|", handbook.settings_page(), re.MULTILINE)) == sorted(
        ENVIRONMENT
    )


def test_links_of_generated_documents_lead_to_their_headings(written):
    for name, text in written.items():
        headings = {heading.replace(" ", "-") for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings, name
