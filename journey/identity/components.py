"""Computes the connected components of an undirected graph on numpy columns."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["along", "components", "ring"]

Ints = NDArray[np.int64]


def components(left: Ints, right: Ints, nodes: int) -> Ints:
    """Return a label per node, equal for connected nodes: the smallest node number of its component.

    Edges run between `left[i]` and `right[i]`. Hooks every root onto the smallest neighbouring root, then
    halves all paths, until nothing changes (Shiloach and Vishkin 1982, in rounds over columns).
    """
    parent = np.arange(nodes, dtype=np.int64)
    while True:
        roots = parent[left], parent[right]
        apart = roots[0] != roots[1]
        if not apart.any():
            return parent
        left, right = left[apart], right[apart]
        low, high = np.minimum(*roots)[apart], np.maximum(*roots)[apart]
        np.minimum.at(parent, high, low)
        parent = _flatten(parent)


def _flatten(parent: Ints) -> Ints:
    while True:
        grand = parent[parent]
        if np.array_equal(grand, parent):
            return parent
        parent = grand


def ring(labels: Ints, members: Ints) -> Ints:
    """Return, for each member, the next one with the same label, the last pointing to the first again."""
    order = np.argsort(labels, kind="stable")
    ordered, grouped = labels[order], members[order]
    following = np.roll(grouped, -1)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:] - 1, len(ordered) - 1]
    following[ends] = grouped[starts]
    result = np.empty_like(following)
    result[order] = following
    return result


def along(following: NDArray[np.uint32], starts: Ints) -> tuple[Ints, Ints]:
    """Return (index into `starts`, member) for every member of the rings through these, by steps away from the start."""
    index, found = np.arange(len(starts)), starts
    indexes, members = [index], [found]
    while True:
        found = following[found].astype(np.int64)
        going = found != starts[index]
        if not going.any():
            return np.concatenate(indexes), np.concatenate(members)
        index, found = index[going], found[going]
        indexes.append(index)
        members.append(found)
