"""Simulated histories by the block: a thousand seeds for each unit of JOURNEY_SOAK, none of them one of `make test`."""

from collections.abc import Callable

import pytest

from tests.soak.conftest import SOAK

__all__ = ["BLOCK", "blocks", "run_each"]

BLOCK = 250

blocks = pytest.mark.parametrize("first", range(1_000, 1_000 + 1_000 * SOAK, BLOCK))


def run_each(first: int, *runs: Callable[[int], object]) -> None:
    """Run every seed of a block; an error names its seed."""
    for seed in range(first, first + BLOCK):
        try:
            for run in runs:
                run(seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
