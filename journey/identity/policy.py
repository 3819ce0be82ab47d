"""Holds the identity policy: how many links a handle may have to each kind before it counts as shared."""

from dataclasses import dataclass

from journey.identity.handle import KINDS

__all__ = ["DEFAULT_CAPS", "IdentityPolicy"]


DEFAULT_CAPS: dict[str, int] = {
    "user": 5, "email": 5, "phone": 5, "loyalty": 5, "social": 10, "cookie": 100, "device": 20,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """The guards on identity: values that name nobody; handles of each kind (in KINDS order) one handle may link to."""

    nobody: frozenset[str] = frozenset()
    caps: tuple[int, ...] = tuple(DEFAULT_CAPS[kind] for kind in KINDS)
