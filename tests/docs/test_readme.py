"""The README is short, and every link between documents leads somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.test_floors import FLOORS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "deploy" / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in (README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")))
}
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")


@cache
def anchors(path):
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$",
        re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    found = set()
    for heading in headings:
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(name if name not in found else f"{name}-{sum(one.startswith(name) for one in found)}")
    return found


def test_the_readme_is_read_in_minutes():
    lines = README.read_text().splitlines()
    assert len(lines) <= 130
    assert [line.split("#")[0].strip() for line in lines[5:7]] == ["make run", "make test"]
    cells = [cell.strip() for line in lines if line.startswith("|") for cell in line.split("|")]
    assert max(map(len, cells)) <= 120


@pytest.mark.parametrize("name", PAGES)
def test_every_relative_link_leads_to_a_file_and_a_heading(name):
    path = PAGES[name]
    targets = [one or other for one, other in LINK.findall(CODE.sub("", path.read_text()))]
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert there.is_relative_to(ROOT), target
        assert not anchor or anchor in anchors(there), target


def test_the_index_names_every_document_once():
    named = re.findall(r"^- \[[^]]+\]\(([^)]+)\): .+\.$", (DOCS / "README.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(
        path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if path.name != "README.md"
    )


def test_the_glossary_has_27_words_a_line_each():
    text = (DOCS / "reference" / "glossary.md").read_text()
    assert len(re.findall(r"^- \*\*[^*]+\*\*: .+\.$", text, re.MULTILINE)) == text.count("\n- ") == 27


def test_no_document_calls_a_customer_she():
    for name, path in PAGES.items():
        assert not re.findall(r"\b(?:she|hers?|herself)\b", path.read_text(), re.IGNORECASE), name


def test_contributing_lists_every_package_on_its_floor():
    table = re.findall(
        r"^\| (\d*) ?\| `(\w+)` \| .+ \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    floors = []
    for number, package in table:
        if number:
            floors.append([])
        floors[-1].append(package)
    assert [sorted(floor) for floor in floors] == [sorted(floor.split()) for floor in FLOORS]


def test_paths_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:journey|schemas|streams|tests|deploy)/[\w/.]*)`", text)
    assert len(named) > 30
    assert not [path for path in named if not (ROOT / path).exists()]
