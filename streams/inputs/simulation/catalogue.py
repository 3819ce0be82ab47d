"""Draws what there is to see and to buy: posts, pages, mails, campaigns, products with prices, places."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CAMPAIGNS", "DEVICES", "FIRST_MAIL", "LIVE_POSTS", "PAGES", "PLACES", "POSTS", "Catalogue", "draw_catalogue",
]  # fmt: skip

LIVE_POSTS: Final = 40
POSTS: Final = 48  # the last eight are zombies: published, shown, and never answered
PAGES: Final = 30
FIRST_MAIL: Final = POSTS + PAGES  # one mail a week from here
CAMPAIGNS: Final = ("launch", "back-in-stock")  # then one newsletter a week
PRODUCTS: Final = 120
PLACES: Final = (
    "paris-marais", "paris-opera", "lyon-bellecour", "lille-centre", "nantes-graslin", "bordeaux-quinconces",
    "london-soho", "london-covent-garden",
)  # fmt: skip
DEVICES: Final = ("phone", "desktop", "tablet")


@dataclass(frozen=True)
class Catalogue:
    """The names by number, as the plan has them; `contents` also by brand, prices in cents."""

    contents: list[list[str]]
    campaigns: list[str]
    products: list[str]
    prices: NDArray[np.int64]


def draw_catalogue(rng: np.random.Generator, brands: tuple[str, ...], days: int) -> Catalogue:
    """Draw the prices and name everything."""
    weeks = range(days // 7 + 2)
    names = [
        *(f"post-{number:03d}" for number in range(POSTS)),
        *(f"page-{number:03d}" for number in range(PAGES)),
        *(f"mail-week-{week:02d}" for week in weeks),
    ]
    euros = np.exp(rng.normal(3.6, 0.8, PRODUCTS)).astype(np.int64) + 3
    return Catalogue(
        contents=[[f"{brand}-{name}" for name in names] for brand in brands],
        campaigns=[*CAMPAIGNS, *(f"newsletter-week-{week:02d}" for week in weeks)],
        products=[f"sku-{number:04d}" for number in range(PRODUCTS)],
        prices=euros * 100 - rng.choice([0, 5, 10], PRODUCTS),
    )
