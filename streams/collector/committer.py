"""Commits requests to the log in groups: a thread packs several in one pass and makes them durable by one write."""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from streams.clock import Clock, system_clock
from streams.collector.grants import Channels, Grants, SenderLines, with_brand
from streams.collector.limits import EVENTS_REMEMBERED, LOG_FRAMES, WAITING_BYTES
from streams.collector.recent import Recent
from streams.collector.state import CollectorState
from streams.collector.write_keys import WriteKey
from streams.edge import Edge, Refused
from streams.http.problems import place_of
from streams.log.frame import MAX_FRAME_BYTES, MAX_FRAME_EVENTS, Frame
from streams.log.sink import Sink, SinkError

__all__ = ["TOPIC", "Busy", "Committer", "Submission", "SubmissionOutcome", "is_full"]

TOPIC = "collector"  # in dead letters; their offset there is the time they came, in microseconds, made unique
_IDLE_S = 0.5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0
_log = logging.getLogger(__name__)


class Busy(RuntimeError):  # noqa: N818 - it is an answer, not a failure of ours
    """The answer to a submission that was not accepted, or perhaps was; a retry after `retry_s` is idempotent."""

    def __init__(self, message: str, retry_s: int = 1) -> None:
        super().__init__(message)
        self.retry_s = retry_s


@dataclass(frozen=True, slots=True)
class SubmissionOutcome:
    """The outcome of a submission's lines.

    Attributes
    ----------
    statuses
        1 for a duplicate, else 0.
    refused
        Why, by the place of the line.
    unlinked
        How many handles an event named and did not keep, as its key makes no links; by the place of the line.
    """

    statuses: Sequence[int]
    refused: Mapping[int, Refused]
    unlinked: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Submission:
    """The lines of one request.

    Attributes
    ----------
    refused
        Lines that are to become dead letters unread, by their place.
    done
        Called from the thread of the committer, once.
    is_made
        Whether an adapter put the events together.
    """

    key: WriteKey
    lines: Sequence[bytes]
    refused: Mapping[int, Refused]
    done: Callable[[SubmissionOutcome | Busy], None]
    size: int
    is_made: bool = False


class Committer:
    """A queue of submissions from any thread, written to the log in order.

    Parameters
    ----------
    edge
        Validates and hashes; used by the committer's thread alone.
    channels
        Of the A-Path model.
    open_sink
        Called in that thread, again until it succeeds.
    took
        Called there with the seconds that each write took.
    """

    def __init__(  # noqa: PLR0913 - keywords, each once
        self,
        edge: Edge,
        channels: Channels,
        open_sink: Callable[[], Sink],
        *,
        clock: Clock = system_clock,
        took: Callable[[float], None] = lambda _: None,
        remembered: int = EVENTS_REMEMBERED,
    ) -> None:
        self._edge, self._channels, self._open_sink = edge, channels, open_sink
        self._packing = threading.Lock()
        self._clock, self._took = clock, took
        self._recent = Recent(remembered)
        self._changed = threading.Condition()
        self._waiting: deque[Submission] = deque()
        self._stopping = False
        self._pause_s, self._away_until_s = 0.0, 0.0
        self._last_offset = 0
        self.state = CollectorState(progress_us=clock())
        self._thread = threading.Thread(target=self._run, name="committer")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, finish what waits, let go of the log."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def use(self, edge: Edge, channels: Channels) -> None:
        """Hash and validate with another key or model: when this returns, every frame that follows is packed with it."""
        with self._packing:
            self._edge, self._channels = edge, channels

    def submit(self, submission: Submission) -> None:
        """Queue the lines of a request; `done` is called when they are safe.

        Raises
        ------
        Busy
            The queue is full, or the log is unavailable; nothing was accepted: retry.
        """
        state = self.state
        with self._changed:
            if self._stopping:
                raise Busy("the collector is about to end")
            if self._away_until_s > time.monotonic():
                raise Busy("the log does not take anything now", max(1, round(self._pause_s)))
            if state.waiting_bytes + submission.size > WAITING_BYTES:
                raise Busy("too many events wait for the log")
            if is_full(state.lag):
                raise Busy("the log is full of events that are not processed yet", 5)
            self._waiting.append(submission)
            state.waiting_bytes += submission.size
            self._changed.notify()

    def _run(self) -> None:
        sink: Sink | None = None
        while True:
            group = self._group()
            if not group and self._stopping:
                break
            try:
                sink = sink or self._open_sink()
                self.state.is_open = True
                if group:
                    self._commit(group, sink)
                else:
                    self._works(sink.lag())
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
                self._fails(group, error)
        if sink is not None:
            sink.close()

    def _group(self) -> list[Submission]:
        """Wait for submissions, and return as many as fit into a frame; none after a while, or at the end."""
        with self._changed:
            if not self._waiting and not self._stopping:
                self._changed.wait(_IDLE_S)
            group: list[Submission] = []
            events = size = 0
            while self._waiting:
                events += len(self._waiting[0].lines)
                size += self._waiting[0].size
                if group and (events > MAX_FRAME_EVENTS or size > MAX_FRAME_BYTES):
                    break
                group.append(self._waiting.popleft())
            return group

    def _works(self, lag: int) -> None:
        with self._changed:
            if self.state.error:
                _log.warning("the log takes events again")
            self._pause_s = self._away_until_s = 0.0
            self.state.error, self.state.lag, self.state.progress_us = "", lag, self._clock()

    def _fails(self, group: Sequence[Submission], error: Exception) -> None:
        """Refuse all that waits, and whatever comes for a while."""
        if isinstance(error, SinkError):
            _log.warning("the log takes nothing, clients are told to try again: %s", error)
        else:
            _log.error("the log takes nothing, clients are told to try again: %s", place_of(error))
        with self._changed:
            self._pause_s = min(max(_FIRST_PAUSE_S, 2 * self._pause_s), _LONGEST_PAUSE_S)
            self._away_until_s = time.monotonic() + self._pause_s
            self.state.error = str(error) if isinstance(error, SinkError) else type(error).__name__
            refused = [*group, *self._waiting]
            self._waiting.clear()
            self.state.waiting_bytes = 0
            pause_s = self._pause_s
        for each in refused:
            each.done(Busy("the log did not take it", max(1, round(pause_s))))
        deadline_s = time.monotonic() + pause_s
        while not self._stopping and (left_s := deadline_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))

    def _commit(self, group: Sequence[Submission], sink: Sink) -> None:
        with self._packing:
            self._commit_packed(group, sink)

    def _commit_packed(self, group: Sequence[Submission], sink: Sink) -> None:
        lines, refused, spans = _together(group)
        first = max(self._last_offset + 1, self._clock())
        self._last_offset = first + len(lines)
        grants = Grants(spans, self._channels)
        frame = self._edge.pack(
            lines,
            topic=TOPIC,
            now_us=self._clock(),
            first_offset=first,
            refused=refused,
            screen=grants,
        )
        letters = _letters(frame, first)
        keys = _keys(frame)
        started_s = time.monotonic()
        sink.write(frame)
        self._took(time.monotonic() - started_s)
        statuses = self._statuses(len(lines), letters, keys)
        self._recent.add(keys)
        duplicates = sum(statuses)
        reasons = Counter(why.reason for why in letters.values())
        self.state.took(len(keys) - duplicates, duplicates, dict(reasons))
        with self._changed:
            self.state.waiting_bytes -= sum(each.size for each in group)
        self._works(sink.lag())  # who is told that it was taken finds the collector ready
        _tell(group, statuses, letters, grants.unlinked)

    def _statuses(self, count: int, letters: Mapping[int, Refused], keys: Sequence[bytes]) -> bytearray:
        """Return 1 for lines whose event was accepted before, not long ago or further up."""
        recent, here = self._recent, set[bytes]()
        places = iter([place for place in range(count) if place not in letters] if letters else range(count))
        statuses = bytearray(count)
        for place, key in zip(places, keys, strict=True):
            if key in here or key in recent:
                statuses[place] = 1
            here.add(key)
        return statuses


def _together(
    group: Sequence[Submission],
) -> tuple[list[bytes], dict[int, Refused], list[SenderLines]]:
    """Return the lines of all, the refused ones by their place among them, and whose lines are where."""
    lines: list[bytes] = []
    refused: dict[int, Refused] = {}
    spans: list[SenderLines] = []
    for each in group:
        refused |= {len(lines) + place: why for place, why in each.refused.items()}
        brand = each.key.only_brand
        lines += [with_brand(line, brand) for line in each.lines] if brand else each.lines
        spans.append(SenderLines(each.key, len(lines), each.is_made))
    return lines, refused, spans


def _letters(frame: Frame, first: int) -> dict[int, Refused]:
    if not len(frame.letters):
        return {}
    columns = (frame.letters.column(name).to_pylist() for name in ("topic_offset", "reason", "detail"))
    return {place - first: Refused(why, detail) for place, why, detail in zip(*columns, strict=True)}


def _keys(frame: Frame) -> list[bytes]:
    keys: list[bytes] = frame.events.column("event").to_pylist()
    return keys


def _tell(
    group: Sequence[Submission],
    statuses: bytearray,
    letters: Mapping[int, Refused],
    unlinked: Mapping[int, int],
) -> None:
    places = np.array(sorted(letters), np.int64)
    begin = 0
    for each in group:
        end = begin + len(each.lines)
        of_it = places[slice(*np.searchsorted(places, (begin, end)))].tolist() if letters else []
        alone = {place - begin: count for place, count in unlinked.items() if begin <= place < end}
        each.done(
            SubmissionOutcome(statuses[begin:end], {place - begin: letters[place] for place in of_it}, alone)
        )
        begin = end


def is_full(lag: int) -> bool:
    """Whether so many frames wait that no more are accepted."""
    return lag >= LOG_FRAMES
