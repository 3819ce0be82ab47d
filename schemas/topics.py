"""Reads the declarations of the Kafka topics from `topics.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = [
    "ALERTS",
    "DEAD_LETTERS",
    "EVENTS_IN",
    "EVIDENCE",
    "IDENTITY_MAP",
    "INTERACTIONS",
    "LINKS",
    "STAGES",
    "Topic",
    "topics",
]

EVENTS_IN = "events.in"
INTERACTIONS = "interactions"
LINKS = "links"
IDENTITY_MAP = "identity.map"
EVIDENCE = "evidence"
DEAD_LETTERS = "dead-letters"
ALERTS = "alerts"
STAGES = "stages"


@dataclass(frozen=True, slots=True)
class Topic:
    """A declared topic: `partitions` is None where the deployment sets their number."""

    name: str
    about: str
    writers: tuple[str, ...]
    reader: str
    key: str
    partitions: int | None
    config: dict[str, str]


@cache
def topics() -> tuple[Topic, ...]:
    """Return every topic in the order of the file."""
    declared = tomllib.loads(files("schemas").joinpath("topics.toml").read_text(encoding="utf-8"))
    return tuple(
        Topic(
            name,
            entry["about"],
            tuple(entry["writers"]),
            entry["reader"],
            entry["key"],
            None if entry["partitions"] == "many" else int(entry["partitions"]),
            dict(entry["config"]),
        )
        for name, entry in declared.items()
    )
