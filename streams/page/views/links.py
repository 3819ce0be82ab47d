"""Builds the addresses of lists of customers, in which views lead to exactly those whom a figure counts."""

from datetime import UTC, datetime

from streams.page.scope import Scope

__all__ = ["customers_of", "instant"]


def customers_of(
    scope: Scope, at: datetime, state: int, later: datetime | None = None, later_state: int | None = None
) -> str:
    """Return the address of the customers who were at a stage at an instant, and at another later."""
    more = {"later": instant(later), "to": str(later_state)} if later and later_state is not None else {}
    return scope.address("customers", at=instant(at), stage=str(state), **more)


def instant(at: datetime) -> str:
    """Return an instant in the form of addresses."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
