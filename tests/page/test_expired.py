"""Where touches of a period have expired, the page says since when they are there."""

from datetime import UTC, datetime

import pytest

from streams.analysis.brands import Brand
from streams.page.render import top
from streams.page.scope import read
from streams.page.views import VIEWS

HORIZON = datetime(2026, 9, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "horizon", "is_said"),
    [("2026-08-20", HORIZON, True), ("2026-09-01", HORIZON, False), ("2026-08-20", None, False)],
)
def test_a_period_from_before_the_horizon_says_so(since, horizon, is_said):
    brands = [
        Brand("lumiere", datetime(2026, 1, 1, tzinfo=UTC), NOW, horizon),
        Brand("maison", datetime(2026, 1, 1, tzinfo=UTC), NOW, datetime(2026, 11, 1, tzinfo=UTC)),
    ]
    scope = read({"brand": "lumiere", "since": since}, brands, VIEWS[0].all_fields, NOW)
    shown = str(top(VIEWS[0], VIEWS, scope, brands))
    assert ("Touches before 1 September 2026 have expired" in shown) == is_said
