"""deploy/docs/guide/cookbook.md from the recipes and their answers: `python -m tests.analysts.document` writes it."""

import json
import shlex
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from streams.analysis import cookbook
from streams.store.clickhouse import ClickHouse
from tests.analysts.bundle import COMMANDS, load

__all__ = ["FILE", "document"]

FILE = Path(__file__).parents[2] / "deploy" / "docs" / "guide" / "cookbook.md"
_HEAD = """\
# Cookbook

The cookbook answers thirty-six questions of marketers. Each is a query in [`schemas/cookbook`](../../../schemas/cookbook), here with its answer on the
bundled evening and a simulated month; every one of the twelve parts of a social marketing strategy has at least one.

```sh
journey cookbook list
journey cookbook show funnel_with_skips                      # the SQL, with its parameters
journey cookbook run funnel_with_skips --param brand=acme --param at=2026-12-01 [--format CSVWithNames]
```

`at` is the moment as of which a question is answered, so that an answer can be repeated; times are UTC. The data below:

```sh
{commands}
```

Customers in the answers are those of the brand `lumiere` on 2026-11-17, named by hashes that depend on the key of the
data directory. This page is made by `python -m tests.analysts.document`, and a test holds it to the queries.

| part | questions |
|---|---|
{parts}
"""


def document(store: ClickHouse) -> str:
    """Return the page, with answers from a store that has the bundled data."""
    found = cookbook.recipes()
    parts = "\n".join(
        f"| {part} | {', '.join(f'[{one.name}](#{_anchor(one.question)})' for one in found if part in one.parts)} |"
        for part in cookbook.PARTS
    )
    commands = "\n".join(f"journey {' '.join(map(_quoted, words))}" for words in COMMANDS)
    head = _HEAD.format(commands=commands, parts=parts)
    return head + "".join(_section(store, one) for one in found)


def _section(store: ClickHouse, one: cookbook.Recipe) -> str:
    answer = json.loads(b"".join(cookbook.answer(store, one, {}, "JSONCompact")))
    names = [column["name"] for column in answer["meta"]]
    lines = [
        f"| {' | '.join(names)} |",
        "|---" * len(names) + "|",
        *(f"| {' | '.join(map(_cell, row))} |" for row in answer["data"]),
    ]
    given = ", ".join(f"`{name}` = {value}" for name, value in one.defaults.items())
    note = f"{one.note}\n\n" if one.note else ""
    link = f"[`{one.name}`](../../../schemas/cookbook/{one.file})"
    table = "\n".join(lines)
    return f"\n## {one.question}\n\n{note}{link} · {', '.join(one.parts)} · {given}\n\n{table}\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{number} {name}" for name, number in sorted(value.items()))
    return str(value).removesuffix(".000000")


def _quoted(word: str) -> str:
    return f'"{word}"' if "'" in word else shlex.quote(word)


def _anchor(heading: str) -> str:
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -")
    return kept.replace(" ", "-")


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = load(Path(folder))
        with closing(ClickHouse(f"chdb://{data / 'clickhouse'}")) as store:
            FILE.write_text(document(store), encoding="utf-8")


if __name__ == "__main__":
    _write()
