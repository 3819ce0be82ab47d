"""Reads the settings of other protocols: mappings of Segment and of webhooks, and what webhooks are signed with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streams import environment
from streams.environment import SettingsError

__all__ = ["AdapterSettings", "adapters"]

_WEBHOOK = re.compile(r"JOURNEY_WEBHOOK_([A-Z0-9_]+?)_(SECRET|SECRET_FILE|URL)")


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """The mappings of other protocols, None for the bundled ones; secrets and addresses of webhooks by name in capitals."""

    segment: Path | None = None
    webhooks: Path | None = None
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    urls: Mapping[str, str] = field(default_factory=dict)


def adapters() -> AdapterSettings:
    """Return the settings. Raises SettingsError."""
    matched = ((_WEBHOOK.fullmatch(name), value) for name, value in environment.given().items())
    webhooks = [(found[1], found[2], value) for found, value in matched if found and value]
    secrets = {
        name: tuple((value if what == "SECRET" else _file(name, value)).split())
        for name, what, value in sorted(webhooks)
        if what != "URL"
    }
    return AdapterSettings(
        segment=environment.path("JOURNEY_SEGMENT"),
        webhooks=environment.path("JOURNEY_WEBHOOKS"),
        secrets=secrets,
        urls={name: value for name, what, value in webhooks if what == "URL"},
    )


def _file(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"JOURNEY_WEBHOOK_{name}_SECRET_FILE = {path!r}: cannot be read: {error}"
        ) from error
