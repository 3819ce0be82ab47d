"""Nothing here is collected without JOURNEY_SOAK."""

import os

from tests.real_workers.conftest import deploy

__all__ = ["SOAK", "deploy"]

SOAK = int(os.environ.get("JOURNEY_SOAK", "0"))
collect_ignore_glob = [] if SOAK else ["test_*.py"]
