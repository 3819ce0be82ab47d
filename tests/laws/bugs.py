"""Bugs to plant: each a patch, by what it does wrong."""

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["Bugs", "Plant"]

Plant = Callable[[pytest.MonkeyPatch], Any]


class Bugs(dict[str, Plant]):
    """Patches by what they do wrong; called with that, it takes up the function that follows."""

    def __call__(self, name: str) -> Callable[[Plant], Plant]:
        def register(plant: Plant) -> Plant:
            self[name] = plant
            return plant

        return register
