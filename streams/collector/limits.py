"""Every limit of the collector, in one place: `python -m streams.collector.document` writes them down."""

from dataclasses import dataclass

from schemas.event import MAX_EVENT_BYTES, MAX_HANDLES, MAX_NAME, MAX_PROPERTIES_BYTES

__all__ = [
    "ADDRESSES_REMEMBERED",
    "ADDRESS_REQUESTS",
    "BODY_S",
    "CONNECTIONS",
    "EVENTS_REMEMBERED",
    "HEAD_BYTES",
    "HEAD_S",
    "LIMITS",
    "LOG_FRAMES",
    "MAX_BODY_BYTES",
    "MAX_DEPTH",
    "MAX_ITEMS",
    "OUTCOME_S",
    "REQUESTS",
    "WAITING_BYTES",
    "Limit",
]

MAX_BODY_BYTES = 512_000
MAX_ITEMS = 5_000
MAX_DEPTH = 64
HEAD_BYTES = 32_768
HEAD_S = 10.0
BODY_S = 20.0
OUTCOME_S = 30.0
CONNECTIONS = 2_000
REQUESTS = 256
ADDRESS_REQUESTS = REQUESTS // 4
WAITING_BYTES = 32 * 2**20
LOG_FRAMES = 20_000
EVENTS_REMEMBERED = 200_000
ADDRESSES_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: what it is about, the value with its unit, and what goes over it gets."""

    about: str
    value: str
    over: str


LIMITS: tuple[Limit, ...] = (
    Limit("an event, as JSON", f"{MAX_EVENT_BYTES:,} bytes", "the item: rejected, `too_large`"),
    Limit("a body, as it is sent and after decompression", f"{MAX_BODY_BYTES:,} bytes", "413"),
    Limit("items in a body", f"{MAX_ITEMS:,}", "413"),
    Limit("nesting of JSON in a body of another protocol", f"{MAX_DEPTH} levels", "400"),
    Limit("handles of an event", f"{MAX_HANDLES}", "the item: rejected, `too_many_handles`"),
    Limit("ids, sources, handles and other names", f"{MAX_NAME} characters", "the item: rejected, `too_large`"),
    Limit("`properties` of an event, as JSON", f"{MAX_PROPERTIES_BYTES:,} bytes", "the item: rejected, `too_large`"),
    Limit("request line and headers", f"{HEAD_BYTES:,} bytes", "431, connection closed"),
    Limit("time for the headers", f"{HEAD_S:g} s", "408, connection closed"),
    Limit("time for the body", f"{BODY_S:g} s", "408, connection closed"),
    Limit("connections", f"{CONNECTIONS:,}", "closed at once"),
    Limit("requests at work", f"{REQUESTS}", "503 with Retry-After"),
    Limit("requests at work of one address, where its rate is limited", f"{ADDRESS_REQUESTS}", "429 with Retry-After"),
    Limit("bytes of events that wait for the log", f"{WAITING_BYTES // 2**20} MiB", "503 with Retry-After"),
    Limit("frames in the log that are not processed yet (`journey up`)", f"{LOG_FRAMES:,}", "503 with Retry-After"),
    Limit("time until the log has answered", f"{OUTCOME_S:g} s", "503 with Retry-After: sending again is harmless"),
    Limit("events of a write key", "its own rate, and twice that at once", "429 with Retry-After"),
    Limit("requests of an address", "JOURNEY_COLLECTOR_ADDRESS_RATE, and twice that at once", "429 with Retry-After"),
    Limit("accepted events that are remembered, to call a repeat a duplicate", f"the last {EVENTS_REMEMBERED:,}", "accepted; the engine drops it"),
)  # fmt: skip
