"""Loads all adapters, with the mapping files that the settings name."""

import re
from pathlib import Path

from schemas.segment import MappingError, SegmentMapping, default_mapping, parse_mapping
from schemas.webhook import WebhookError, WebhookMapping, bundled, parse_webhook
from streams.collector.adapters import Adapter
from streams.collector.adapters.activities import Activities
from streams.collector.adapters.segment import Segment, SegmentSettings
from streams.collector.adapters.signatures import Secrets
from streams.collector.adapters.webhook import Webhooks
from streams.mood.moods import NO_MOODS, Moods
from streams.settings import AdapterSettings, SettingsError
from streams.text.encodings import text_of

__all__ = ["load"]

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def load(settings: AdapterSettings, moods: Moods = NO_MOODS) -> tuple[Adapter, ...]:
    """Return the adapters; `moods` reads what people wrote.

    Raises
    ------
    SettingsError
        A mapping cannot be read or used: each of its keys that is wrong is named.
    """
    webhooks = bundled() | _own(settings.webhooks)
    secrets = {name: _secrets(name, settings) for name in webhooks}
    return (
        Segment(_segment(settings.segment), moods),
        SegmentSettings(),
        Activities(moods),
        Webhooks(webhooks, secrets, moods),
    )


def _segment(path: Path | None) -> SegmentMapping:
    if path is None:
        return default_mapping()
    try:
        return parse_mapping(_read("JOURNEY_SEGMENT", path), name=str(path))
    except MappingError as error:
        raise SettingsError(f"JOURNEY_SEGMENT: {error}") from error


def _own(folder: Path | None) -> dict[str, WebhookMapping]:
    if folder is None:
        return {}
    if not folder.is_dir():
        raise SettingsError(f"JOURNEY_WEBHOOKS = {str(folder)!r}: not a folder")
    found = {}
    for path in sorted(folder.glob("*.toml")):
        if not _NAME.fullmatch(path.stem):
            raise SettingsError(
                f"JOURNEY_WEBHOOKS: {path.name}: small letters, digits, - and _ only: it is in the address"
            )
        try:
            found[path.stem] = parse_webhook(_read("JOURNEY_WEBHOOKS", path), name=path.stem)
        except WebhookError as error:
            raise SettingsError(f"JOURNEY_WEBHOOKS: {path}: {error}") from error
    return found


def _read(variable: str, path: Path) -> str:
    try:
        return text_of(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}: {path} cannot be read: {error}") from error


def _secrets(name: str, settings: AdapterSettings) -> Secrets:
    variable = name.upper().replace("-", "_")
    return Secrets(settings.secrets.get(variable, ()), settings.urls.get(variable, ""))
