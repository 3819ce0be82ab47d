"""Reads what `journey listen` needs from the environment: secrets, never from the command line, and where state is kept."""

import stat
from dataclasses import dataclass, field
from logging import getLogger
from pathlib import Path

from streams import environment
from streams.environment import SettingsError

__all__ = ["DEFAULT_STATE", "ListenSettings"]

DEFAULT_STATE = Path(".journey-listen")
_log = getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """The write key that events are sent with, the token of Mastodon ("" for none), and the directory of the state."""

    write_key: str = field(repr=False)
    mastodon_token: str = field(repr=False)
    state: Path = DEFAULT_STATE

    @classmethod
    def read(cls, state: Path | None = None) -> "ListenSettings":
        """Read the environment; a directory that is given on the command line wins.

        Raises
        ------
        SettingsError
            A variable has a value that is not allowed, or there is no write key.
        """
        key = _secret("JOURNEY_WRITE_KEY")
        if not key:
            raise SettingsError(
                "JOURNEY_WRITE_KEY: with which write key? make one (journey keys write create bluesky --brand B) and set"
                " JOURNEY_WRITE_KEY, or JOURNEY_WRITE_KEY_FILE to a file that has it"
            )
        return cls(
            key,
            _secret("JOURNEY_MASTODON_TOKEN"),
            state or environment.path("JOURNEY_LISTEN_STATE") or DEFAULT_STATE,
        )


def _secret(variable: str) -> str:
    """Return a secret from the variable, or from the file that VARIABLE_FILE names; warn where others may read that."""
    text, name = environment.text(variable).strip(), f"{variable}_FILE"
    if (path := environment.path(name)) is not None:
        if text:
            raise SettingsError(f"{variable} and {name}: set one of them, not both")
        try:
            text = path.read_text(encoding="ascii").strip()
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            raise SettingsError(f"{name} = {str(path)!r}: cannot be read: {error}") from error
        if mode & stat.S_IRWXO:
            _log.warning("%s = %s can be read by every user of this machine: chmod 0400", name, path)
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError(f"{variable}: must be printable ASCII characters without spaces")
    return text
