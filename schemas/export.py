"""The contracts as files for others to validate with: generated from the code, committed, never edited by hand."""

import json
from pathlib import Path
from typing import Any

from schemas.apath import model_json_schema
from schemas.event import event_json_schema

__all__ = ["artefacts", "write"]


def artefacts() -> dict[str, str]:
    """Return the text of every generated file by its path below `schemas/`."""
    return {
        "apath.v1.schema.json": _text(model_json_schema()),
        "event.v1.schema.json": _text(event_json_schema()),
    }


def write(folder: Path) -> list[Path]:
    """Write every generated file below `folder`, which is made where it is missing, and return their paths."""
    written = []
    for name, text in artefacts().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
