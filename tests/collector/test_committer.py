"""Group commit: many requests to one write, bounded waiting, and nobody who waits for ever."""

import threading
import time

import pytest

from schemas.apath import default_model
from streams.collector.committer import Busy, Committer, Submission, SubmissionOutcome
from streams.collector.limits import LOG_FRAMES, WAITING_BYTES
from streams.collector.write_keys import WriteKey
from streams.edge import Edge, Refused
from streams.log.sink import SinkError
from tests.collector.server import KEY, event, lines_of
from tests.fixtures.servers.process import wait_until

KEY_OF_ALL = WriteKey("all", "", ("*",), ("*", "identity"))


class Sink:
    """Keeps frames; waits while it is held, fails while it is broken."""

    def __init__(self) -> None:
        self.frames, self.free, self.is_broken, self.waiting, self.closed = (
            [],
            threading.Event(),
            False,
            0,
            False,
        )
        self.free.set()

    def write(self, frame) -> None:
        self.free.wait(10)
        if self.is_broken:
            raise SinkError("broken")
        self.frames.append(frame)

    def lag(self) -> int:
        return self.waiting

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def committer(sink):
    made = Committer(Edge(KEY), default_model().channels, lambda: sink, remembered=1_000)
    made.start()
    yield made
    sink.free.set()
    made.stop()
    assert sink.closed


class Told:
    """What became of a submission."""

    def __init__(self, committer, *lines, key=KEY_OF_ALL, refused=None, size=None) -> None:
        self.answer, self._come = None, threading.Event()
        given = sum(map(len, lines)) if size is None else size
        committer.submit(Submission(key, lines, refused or {}, self._take, given))

    def _take(self, answer) -> None:
        assert self.answer is None, "told twice"
        self.answer = answer
        self._come.set()

    def wait(self):
        assert self._come.wait(10)
        return self.answer


def line(name, **more):
    return lines_of(event(name, **more))


def test_requests_that_wait_together_are_one_write_and_each_is_told_its_own(committer, sink):
    sink.free.clear()
    first = Told(committer, line("first"))
    time.sleep(0.1)
    told = [
        Told(committer, line(f"{n}"), b"{", line(f"{n}"), line(f"b{n}", data={"brand": "other"}))
        for n in range(20)
    ]
    narrow = Told(
        committer, line("n", data={"brand": "other"}), key=WriteKey("one", "", ("lumiere",), ("*",))
    )
    sink.free.set()
    assert first.wait() == SubmissionOutcome(bytearray(1), {})
    for each in told:
        answer = each.wait()
        assert list(answer.statuses) == [0, 0, 1, 0]
        assert [(place, why.reason) for place, why in answer.refused.items()] == [(1, "not_json")]
    assert [why.reason for why in narrow.wait().refused.values()] == ["not_granted"]
    assert len(sink.frames) == 2
    assert sink.frames[1].received == 20 * 4 + 1
    state = committer.state
    assert (state.accepted, state.duplicates, state.rejected) == (41, 20, {"not_json": 20, "not_granted": 1})
    assert state.waiting_bytes == 0


def test_an_item_that_was_refused_before_is_a_dead_letter_with_its_reason(committer, sink):
    answer = Told(
        committer, b'{"path": "/x"}', line("good"), refused={0: Refused("bad_value", "/0: no")}
    ).wait()
    assert {place: why.detail for place, why in answer.refused.items()} == {0: "/0: no"}
    assert sink.frames[0].letters.column("reason").to_pylist() == ["bad_value"]
    assert len(sink.frames[0].events) == 1


def test_more_than_may_wait_is_refused_at_once_and_taken_when_there_is_room(committer, sink):
    sink.free.clear()
    waiting = [Told(committer, line("a"), size=WAITING_BYTES // 2) for _ in range(2)]
    with pytest.raises(Busy, match="wait for the log"):
        Told(committer, line("b"))
    sink.free.set()
    assert all(isinstance(each.wait(), SubmissionOutcome) for each in waiting)
    assert isinstance(Told(committer, line("c")).wait(), SubmissionOutcome)


def test_a_log_that_fails_is_told_to_all_who_wait_and_tried_again(committer, sink):
    sink.is_broken = True
    sink.free.clear()
    told = [Told(committer, line(f"{number}")) for number in range(3)]
    sink.free.set()
    answers = [each.wait() for each in told]
    assert all(isinstance(answer, Busy) and answer.retry_s >= 1 for answer in answers)
    with pytest.raises(Busy, match="does not take anything"):
        Told(committer, line("meanwhile"))
    assert committer.state.error == "broken"
    sink.is_broken = False
    time.sleep(0.8)
    assert isinstance(Told(committer, line("0")).wait(), SubmissionOutcome)
    wait_until(lambda: committer.state.error == "", 5, "the error to be over")
    assert committer.state.duplicates == 0, "what was not acknowledged is no duplicate"


def test_a_full_log_takes_nothing_until_it_has_room(committer, sink):
    Told(committer, line("a")).wait()
    sink.waiting = LOG_FRAMES
    time.sleep(0.7)
    with pytest.raises(Busy) as refused:
        Told(committer, line("b"))
    assert refused.value.retry_s == 5
    sink.waiting = 0
    time.sleep(0.7)
    assert isinstance(Told(committer, line("c")).wait(), SubmissionOutcome)


def test_an_end_answers_what_waits_and_takes_nothing_more(sink):
    committer = Committer(Edge(KEY), default_model().channels, lambda: sink)
    committer.start()
    sink.free.clear()
    told = [Told(committer, line(f"{number}")) for number in range(5)]
    ending = threading.Thread(target=committer.stop)
    ending.start()
    time.sleep(0.1)
    with pytest.raises(Busy, match="about to end"):
        Told(committer, line("late"))
    sink.free.set()
    ending.join()
    assert all(isinstance(each.answer, SubmissionOutcome) for each in told)


def test_a_log_that_cannot_be_opened_is_tried_again(sink):
    tries = []

    def opened():
        tries.append(1)
        if len(tries) < 2:
            raise SinkError("not yet")
        return sink

    committer = Committer(Edge(KEY), default_model().channels, opened)
    committer.start()
    deadline_s = time.monotonic() + 10
    while not committer.state.is_ready and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert isinstance(Told(committer, line("a")).wait(), SubmissionOutcome)
    committer.stop()
