"""Keeps the hash of the model in force beside the tables, so that a model that is lost with its table is missed."""

from pathlib import Path

from journey.model import Model
from streams.handles.key_file import write_text

__all__ = ["keep_model", "kept_model"]

_NAME = "model"


def kept_model(data: Path) -> str:
    """Return the hash of the model that was last in force in this directory, "" where nothing says it."""
    path = data / _NAME
    return path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""


def keep_model(data: Path, model: Model) -> None:
    """Write the hash of the model in force down, if it is another."""
    if kept_model(data) != model.hash:
        write_text(data / _NAME, model.hash)
