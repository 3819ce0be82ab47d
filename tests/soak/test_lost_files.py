"""Figure 13 in numbers: for each unit of JOURNEY_SOAK every table with every kind of damage, rows deleted, and 40 cuts of a log."""

from random import Random

import pytest

from streams.recovery.derived_tables import FOLLOWING
from tests.faults.conftest import whole
from tests.faults.lost import FILES, MODEL, delete_rows, opened
from tests.faults.test_lost_files import check_mended, check_rows, copy
from tests.faults.test_lost_log import check_cuts, waiting
from tests.soak.conftest import SOAK

__all__ = ["copy", "waiting", "whole"]

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("table", [*FOLLOWING, *MODEL])
def test_every_table_with_every_kind_of_damage_is_mended(table, kind, seed, whole, copy):
    kind(copy, table, Random(seed))
    check_mended(table, whole, copy)


@pytest.mark.parametrize("seed", range(SOAK))
def test_rows_that_were_deleted_at_random_from_every_table_are_made_anew(seed, whole, copy):
    random = Random(seed)
    with opened(copy) as embedded:
        for table in random.sample(FOLLOWING, random.randint(1, len(FOLLOWING))):
            delete_rows(embedded, table, random.random(), seed)
    check_rows(whole, copy)


@pytest.mark.parametrize("seed", range(SOAK))
def test_a_log_that_was_cut_at_any_byte_opens_with_what_can_be_read(seed, waiting, tmp_path):
    check_cuts(waiting, tmp_path, seed)
