"""What the children of a fork server share: they import it before they are forked."""

from importlib import import_module

from tests.faults import child
from tests.fixtures import engine_ahead

__all__ = ["child"]

for _name in ("numpy.ma", "pyarrow.acero"):  # which libraries import when they are used first
    import_module(_name)
engine_ahead.load()
