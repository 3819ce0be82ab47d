"""Makes edges as settings say: with the languages in which a mood is computed, and the kinds that are kept readable."""

from pathlib import Path

from journey.identity.handle_key import AnyKey
from journey.identity.rules import HandleRules
from streams.edge import Edge
from streams.handles.readable_key_file import sealing_of
from streams.mood.moods import moods_of
from streams.settings import Settings

__all__ = ["edge_with"]


def edge_with(  # noqa: PLR0913 - what an edge is made of
    settings: Settings,
    key: AnyKey,
    nobody: frozenset[str],
    rules: HandleRules,
    data: Path | None = None,
    *,
    trusted: bool = False,
) -> Edge:
    """Return an edge that hashes with a key, by the rules by which values become handles.

    Parameters
    ----------
    nobody
        Values that name no one, besides the built-in ones.
    data
        The data directory, None for a server and Kafka.
    trusted
        Whether events may name handles by their hashes: those have no values to keep readable.

    Raises
    ------
    KeyLostError
        The file of the key of readable handles cannot be used.
    SettingsError
        There is no such key on a server, or no method for a language.
    """
    return Edge(
        key,
        nobody,
        trusted=trusted,
        rules=rules,
        moods=moods_of(settings.languages),
        sealing=None if trusted else sealing_of(settings, data),
    )
