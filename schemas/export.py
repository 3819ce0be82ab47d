"""Writes the contracts as files that others validate with: generated from the code, committed, never edited by hand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.apath import model_json_schema
from schemas.asyncapi import asyncapi
from schemas.event import event_json_schema

__all__ = ["artefacts", "write"]


def artefacts() -> dict[str, str]:
    """Return the text of every generated file by its path below `schemas/`."""
    return {
        "apath.v2.schema.json": _text(model_json_schema()),
        "asyncapi.json": _text(asyncapi()),
        "event.v1.schema.json": _text(event_json_schema()),
    }


def write(folder: Path, more: Mapping[str, str] | None = None) -> list[Path]:
    """Write every generated file, and more of them, below `folder`, made where it is missing; return their paths."""
    written = []
    for name, text in (artefacts() | dict(more or {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
