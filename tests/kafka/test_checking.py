"""What the publisher refuses at once is what the edge refuses, for the same reason: no Kafka is needed for that."""

from pathlib import Path

import pytest

from streams.edge import Edge, Refused
from tests.edge.test_malformed_input import NOW_US, Mutations
from tests.kafka.broker import KEY

EXAMPLES = Path("schemas/examples")


def checked(edge: Edge, line: bytes) -> list[tuple[str, str]]:
    try:
        edge.check(line, NOW_US)
    except Refused as refused:
        return [(refused.reason, refused.detail)]
    return []


def packed(edge: Edge, line: bytes) -> list[tuple[str, str]]:
    letters = edge.pack([line], topic="t", now_us=NOW_US).letters.to_pylist()
    return [(letter["reason"], letter["detail"]) for letter in letters]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*valid/*.json")), ids=lambda path: path.stem)
def test_an_example_is_refused_as_the_edge_refuses_it(path):
    line, edge = path.read_bytes(), Edge(KEY)
    assert checked(edge, line) == packed(edge, line)
    assert bool(checked(edge, line)) == (path.parent.name == "invalid")


def test_malformed_lines_are_refused_as_the_edge_refuses_them():
    mutations, edge = Mutations(21), Edge(KEY)
    for line in (mutations.line() for _ in range(2_000)):
        assert checked(edge, line) == packed(edge, line), line[:200]
