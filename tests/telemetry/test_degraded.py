"""What is degraded is named while it is, and however much of a kind there is, /health stays short."""

from streams.process.degraded import Degraded


def test_sentences_are_set_replaced_and_cleared_by_key():
    degraded = Degraded()
    degraded.set("query", "a query is being ended")
    degraded.replace("brand", [("a", "a is not watched"), ("b", "b is not watched")])
    degraded.set("query", "a query was given up")
    assert degraded.sentences() == ["a query was given up", "a is not watched", "b is not watched"]
    degraded.replace("brand", [("b", "b is being fed")])
    degraded.clear("query")
    degraded.clear("what was never set")
    assert degraded.sentences() == ["b is being fed"]


def test_of_many_of_a_kind_some_are_named_and_the_rest_counted():
    degraded = Degraded()
    degraded.set("other", "something else")
    degraded.replace("brand", ((n, f"brand {n} is not watched") for n in range(70_000)))
    said = degraded.sentences()
    assert said[:2] == ["something else", "brand 0 is not watched"]
    assert said[-1] == "69,980 more like these: brand"
    assert len(said) == 22
