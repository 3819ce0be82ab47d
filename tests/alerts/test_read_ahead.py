"""What is read ahead comes in order, two parts at a time at most; an error comes in its place, and an end leaves no thread behind."""

import threading

import pytest

from streams.alerts.read_ahead import OneAtATime, read_ahead


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


def test_the_next_part_is_read_while_its_caller_works_on_the_one_before_and_no_other():
    begun, may_end = [], [threading.Event() for _ in range(4)]

    def read(part):
        begun.append(part)
        assert may_end[part].wait(10)
        return part * 10

    may_end[0].set()
    ahead = read_ahead(range(4), read)
    for part in range(4):
        assert next(ahead) == part * 10
        assert begun in ([*range(part + 1)], [*range(min(part + 2, 4))])
        for event in may_end[: part + 2]:
            event.set()
    assert list(ahead) == []
    assert not readers()


def test_an_error_is_raised_in_the_place_of_what_was_read():
    ahead = read_ahead([1, 0, 2], lambda part: 1 // part)
    assert next(ahead) == 1
    with pytest.raises(ZeroDivisionError):
        next(ahead)
    assert list(ahead) == []
    assert not readers()


def test_what_is_closed_waits_for_the_reading_that_is_under_way():
    may_end, ended = threading.Event(), []

    def read(part):
        if part:
            assert may_end.wait(10)
            ended.append(part)
        return part

    ahead = read_ahead([0, 1, 2], read)
    next(ahead)
    threading.Timer(0.1, may_end.set).start()
    ahead.close()
    assert ended == [1]
    assert not readers()


def test_where_it_may_be_left_an_end_does_not_wait():
    may_end = threading.Event()
    ahead = read_ahead([0, 1], lambda part: part and may_end.wait(10), leaves=True)
    next(ahead)
    ahead.close()
    (reader,) = readers()
    may_end.set()
    reader.join(10)


def test_one_query_runs_at_a_time():
    class Store:
        running = most = 0

        def query(self, sql, parameters, settings=None):
            self.running += 1
            self.most = max(self.most, self.running)
            threading.Event().wait(0.01)
            self.running -= 1
            return [(sql, parameters, settings)]

    store = Store()
    one = OneAtATime(store)
    threads = [threading.Thread(target=one.query, args=("", {})) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.most == 1
    assert one.query("SELECT 1", {"a": 1}, {"b": 2}) == [("SELECT 1", {"a": 1}, {"b": 2})]
