"""Declares every limit of the collector; `python -m streams.collector.reference` writes them to the documentation."""

from dataclasses import dataclass

from schemas.event import MAX_EVENT_BYTES, MAX_HANDLES, MAX_NAME, MAX_PROPERTIES_BYTES
from streams.collector.adapters.tolerant import MAX_DEPTH
from streams.http.compression import MOST_MEMBERS, MOST_WINDOW_BYTES
from streams.http.connection_limits import Bounds

__all__ = [
    "ADDRESSES_REMEMBERED",
    "ADDRESS_REQUESTS",
    "BODY_S",
    "BOUNDS",
    "CONNECTIONS",
    "EVENTS_REMEMBERED",
    "HEAD_BYTES",
    "HEAD_S",
    "IDLE_S",
    "KEYLESS_REQUESTS",
    "LIMITS",
    "LOG_FRAMES",
    "MAX_BODY_BYTES",
    "MAX_ITEMS",
    "OUTCOME_S",
    "REQUESTS",
    "UNSENT_BYTES",
    "WAITING_BYTES",
    "Limit",
]

MAX_BODY_BYTES = 1_000_000
MAX_ITEMS = 5_000
HEAD_BYTES = 32_768
HEAD_S = 10.0
BODY_S = 20.0
IDLE_S = 75.0
UNSENT_BYTES = 64 * 2**20
OUTCOME_S = 30.0
CONNECTIONS = 2_000
REQUESTS = 256
ADDRESS_REQUESTS = REQUESTS // 4
KEYLESS_REQUESTS = REQUESTS // 4
WAITING_BYTES = 32 * 2**20
LOG_FRAMES = 20_000
EVENTS_REMEMBERED = 200_000
ADDRESSES_REMEMBERED = 20_000
BOUNDS = Bounds(
    connections=CONNECTIONS,
    head_bytes=HEAD_BYTES,
    head_s=HEAD_S,
    body_bytes=2 * MAX_BODY_BYTES,  # more than is taken: whoever sends a little too much is told so
    body_s=BODY_S,
    idle_s=IDLE_S,
    unsent_bytes=UNSENT_BYTES,
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: what it is about, the value with its unit, and the answer to requests beyond it."""

    about: str
    value: str
    over: str


LIMITS: tuple[Limit, ...] = (
    Limit("an event, as JSON", f"{MAX_EVENT_BYTES:,} bytes", "the item: rejected, `too_large`"),
    Limit("a body, as it is sent and after decompression", f"{MAX_BODY_BYTES:,} bytes", "413"),
    Limit("members of a compressed body (gzip files or zstd frames, one after another)", f"{MOST_MEMBERS}", "413"),
    Limit("window of a zstd frame", f"{MOST_WINDOW_BYTES // 2**20} MiB", "413"),
    Limit("items in a body", f"{MAX_ITEMS:,}", "413"),
    Limit("calls of a Segment batch; activities of a collection", "2,500", "400"),
    Limit("nesting of JSON in an item of another protocol", f"{MAX_DEPTH} levels", "the item: rejected, `bad_value`"),
    Limit("handles of an event", f"{MAX_HANDLES}", "the item: rejected, `too_many_handles`"),
    Limit("ids, sources, handles and other names", f"{MAX_NAME} characters", "the item: rejected, `too_large`"),
    Limit("`properties` of an event, as JSON", f"{MAX_PROPERTIES_BYTES:,} bytes", "the item: rejected, `too_large`"),
    Limit("request line and headers; trailers", f"{HEAD_BYTES:,} bytes each", "431, connection closed"),
    Limit("chunk sizes and extensions of a body", f"{HEAD_BYTES:,} bytes, and 1 for each 8 bytes of it", "431, connection closed"),
    Limit("time for the headers; for a TLS handshake", f"{HEAD_S:g} s each", "408, connection closed"),
    Limit("time for the body and its trailers, whether they are read or not", f"{BODY_S:g} s", "408, connection closed"),
    Limit("time until the next request", f"{IDLE_S:g} s", "connection closed"),
    Limit("connections", f"{CONNECTIONS:,}, fewer where the process may not open so many files", "the one that waits longest for a request is closed"),
    Limit("requests sent ahead of their answers", f"{BOUNDS.pipelined}", "connection closed after them"),
    Limit("answers that clients do not take: of one client", f"16 KiB in {BOUNDS.unsent_s:g} s at least", "connection closed"),
    Limit("answers that clients do not take: of all", f"{UNSENT_BYTES // 2**20} MiB", "the slowest are closed"),
    Limit("requests at work", f"{REQUESTS}", "503 with Retry-After"),
    Limit("requests at work whose write key is in the body", f"{KEYLESS_REQUESTS}", "503 with Retry-After"),
    Limit("requests at work of one address, where its rate is limited", f"{ADDRESS_REQUESTS}", "429 with Retry-After"),
    Limit("bytes of events that wait for the log", f"{WAITING_BYTES // 2**20} MiB", "503 with Retry-After"),
    Limit("frames in the log that are not processed yet (`journey up`)", f"{LOG_FRAMES:,}", "503 with Retry-After"),
    Limit("time that a body of more than 4 KiB, or a compressed one, waits to be read", f"{OUTCOME_S:g} s", "503 with Retry-After"),
    Limit("time until the log has answered", f"{OUTCOME_S:g} s", "503 with Retry-After: sending again is harmless"),
    Limit("events of a write key", "its own rate, and twice that at once", "429 with Retry-After"),
    Limit("requests of an address", "JOURNEY_COLLECTOR_ADDRESS_RATE, and twice that at once", "429 with Retry-After"),
    Limit("accepted events that are remembered, to call a repeat a duplicate", f"the last {EVENTS_REMEMBERED:,}", "accepted; the engine drops it"),
)  # fmt: skip
