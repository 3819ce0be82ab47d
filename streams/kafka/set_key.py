"""Reads the handle key that the settings give a publisher, gateway or collector."""

from journey.identity.handle_key import HandleKey
from streams.settings import SHARED, Settings, SettingsError

__all__ = ["set_key"]


def set_key(settings: Settings) -> HandleKey:
    """Return the handle key of JOURNEY_HANDLE_KEY, in the mode of JOURNEY_BRANDS. Raises SettingsError."""
    if settings.handle_key is None:
        raise SettingsError(
            "JOURNEY_HANDLE_KEY is not set: publishers, gateways and workers must hash handles with the same key, "
            "64 hex digits (for a new deployment: openssl rand -hex 32)"
        )
    return HandleKey(settings.handle_key, separate=settings.brands != SHARED)
