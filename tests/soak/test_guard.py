"""The judge of readers' statements in numbers: planted statements, 20,000 for each unit of JOURNEY_SOAK."""

import json
import subprocess
import sys

import pytest

from tests.soak.conftest import SOAK

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(2, 2 + SOAK))
def test_planted_statements_reach_nothing(seed):
    words = [sys.executable, "-m", "tests.analysts.fuzz", "20000", str(seed)]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    print(told)
    assert told["harmful"] == []
    assert told["passed"] > 1_000
