"""Writes the tables in deploy/docs/guide/collector.md from the declarations: `python -m streams.collector.reference`."""

import re
from collections.abc import Mapping
from pathlib import Path

from streams.collector.limits import LIMITS
from streams.collector.presets import PRESETS
from streams.edge import REASONS
from streams.http.problems import PROBLEMS
from streams.settings import ENVIRONMENT

__all__ = ["PAGE", "filled"]

PAGE = Path("deploy/docs/guide/collector.md")
_PART = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """Return the page with the tables as they are now, each between its marks."""
    tables = _tables()
    return _PART.sub(lambda part: f"{part[1]}{tables[part[2]]}{part[3]}", page)


def _tables() -> Mapping[str, str]:
    settings = {name: text for name, text in ENVIRONMENT.items() if name.startswith("JOURNEY_COLLECTOR_")}
    return {
        "limits": _table("what|limit|over it", [(each.about, each.value, each.over) for each in LIMITS]),
        "presets": _table(
            "`--for`|who has the key|what it grants",
            [(f"`{name}`", preset.what, preset.description) for name, preset in PRESETS.items()],
        ),
        "problems": _table(
            "status|type `urn:journey:problem:…`|",
            [(str(int(status)), f"`{code}`", text) for code, (status, text) in PROBLEMS.items()],
        ),
        "reasons": _table("reason|", [(f"`{code}`", text) for code, text in REASONS.items()]),
        "settings": _table("setting|", [(f"`{name}`", text) for name, text in settings.items()]),
    }


def _table(head: str, rows: list[tuple[str, ...]]) -> str:
    lines = [head.split("|"), ["---"] * len(rows[0]), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
