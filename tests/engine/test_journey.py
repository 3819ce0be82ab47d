"""The journey processor: revenue is exact, whatever the sums."""

import json
from decimal import Decimal

import numpy as np
import pytest

from schemas.apath import default_model
from streams.edge import Edge
from streams.engine.identity import Identity
from streams.engine.journey import Journey, _safe
from streams.log.batch import Batch, Record
from tests.cli.conftest import event

NOW_US = 1_795_000_000_000_000


def revenue(amounts):
    """Return the revenue per currency that one batch of purchases and refunds makes of one customer."""
    lines = [
        json.dumps(
            event(
                i, "store.refund" if amount < 0 else "store.purchase", amount=abs(amount), currency=currency
            )
        ).encode()
        for i, (amount, currency) in enumerate(amounts)
    ]
    return revenue_of(lines)


def revenue_of(lines):
    frame = Edge(b"k" * 32).pack(lines, topic="t", now_us=NOW_US)
    assert not len(frame.letters)
    model = default_model()
    identity = Identity(model.identity)
    batch = Batch.of([Record(0, 1, frame)])
    rows, _ = Journey(model, identity.graph).process(batch, identity.observe(batch))
    (row,) = rows.column("revenue").to_pylist()
    return dict(row)


def test_revenue_is_summed_per_currency_and_refunds_are_taken_off():
    assert revenue([(0.1, "EUR"), (0.2, "EUR"), (5, "GBP"), (-1.25, "GBP")]) == {
        "EUR": Decimal("0.3000"),
        "GBP": Decimal("3.7500"),
    }


def test_a_refund_takes_away_whatever_its_sign():
    lines = [
        json.dumps(event(n, kind, amount=amount, currency="EUR")).encode()
        for n, (kind, amount) in enumerate(
            [("store.refund", 12.5), ("web.refund", -12.5), ("web.purchase", -1)]
        )
    ]
    assert revenue_of(lines) == {"EUR": Decimal("-26.0000")}


def test_sums_beyond_64_bits_stay_exact():
    assert revenue([(10_000_000_000, "IDR")] * 1000 + [(0.0001, "IDR")]) == {
        "IDR": Decimal("10000000000000.0001")
    }
    assert revenue([(9_999_999_999.9999, "IDR")] * 3)["IDR"] == Decimal("29999999999.9997")


@pytest.mark.parametrize("count", [1, 100_000])
def test_the_largest_amounts_fill_a_batch_without_overflow(count):
    money = np.full(count, 10**14)
    assert sum(_safe(money).tolist()) == 10**14 * count
    assert int(np.add.reduce(_safe(money))) == 10**14 * count
