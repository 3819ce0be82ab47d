"""Records in a file the rules by which a data directory's values became handles, and which of them differ from ours."""

from dataclasses import replace
from pathlib import Path

from journey.identity.rules import FIRST, HandleRules
from streams.handles.key_file import write_text

__all__ = ["rules_file"]

_NAME = "rules"


def rules_file(data: Path, ours: HandleRules) -> HandleRules:
    """Return our rules with the earlier ones of a data directory, and write them down.

    One that has data and nothing written has handles under version 1, as has one whose file cannot be read.
    """
    path = data / _NAME
    is_old = (data / "clickhouse").exists() or (data / "log.sqlite").exists()
    texts = _texts(path) if path.exists() else [FIRST.text] if is_old else []
    if ours.text not in texts:
        write_text(path, "\n".join([*texts, ours.text]))
    return replace(ours, earlier=tuple(HandleRules.parse(text) for text in texts if text != ours.text))


def _texts(path: Path) -> list[str]:
    texts = path.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        for text in texts:
            HandleRules.parse(text)
    except ValueError:
        return [FIRST.text]
    return texts
