"""What a run went through whose tables turned out right, in one line: what struck it, and how often work changed hands."""

from collections.abc import Mapping
from contextlib import closing

from tests.real_workers.deployment import Deployment

__all__ = ["counted"]

_EVENTS = "SELECT sum(received) AS lines, sum(stored) AS events FROM deliveries"
# An owner that enters a new generation after its own has kept the partition.
_TAKEOVERS = """
    SELECT countIf(owner != former) AS takeovers FROM (
        SELECT owner, lagInFrame(owner, 1, owner) OVER (
            PARTITION BY topic, partition ORDER BY generation ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS former
        FROM (SELECT topic, partition, generation, max(token) AS owner FROM fences GROUP BY ALL)
    )
"""


def counted(seed: int, there: Deployment, struck: Mapping[str, int]) -> str:
    """Return the counts of a run that was compared: faults by kind, and partitions that went to another worker."""
    with closing(there.store()) as store:
        (books,), (fences,) = store.rows(_EVENTS), store.rows(_TAKEOVERS)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(struck.items()))
    return (
        f"seed {seed}: {books['events']} events of {books['lines']} lines; {sum(struck.values())} faults ({kinds}); "
        f"{fences['takeovers']} takeovers of a partition"
    )
