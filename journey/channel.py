"""Lists the channels on which a brand meets customers, and maps event types to them; a store is one of them."""

__all__ = ["CHANNELS", "IDENTITY_AREA", "OTHER", "area_of", "verb_of"]

OTHER = "other"  # an area that the model gives no channel
CHANNELS: tuple[str, ...] = ("social", "web", "store", "support", "direct", OTHER)

IDENTITY_AREA = "identity"  # identity.link and identity.unlink say who is who; they are not touches


def area_of(event_type: str) -> str:
    """Return the area of an event type: the part before the dot.

    >>> area_of("store.check_in")
    'store'
    """
    return event_type.partition(".")[0]


def verb_of(event_type: str) -> str:
    """Return the verb of an event type: the part after the dot.

    >>> verb_of("store.check_in")
    'check_in'
    """
    return event_type.partition(".")[2]
