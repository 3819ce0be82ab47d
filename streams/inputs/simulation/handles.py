"""Chooses the handles that each person has, and which of them an event shows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COOKIE_2",
    "LOYALTY",
    "RULES",
    "SLOTS",
    "USER",
    "Names",
    "Rule",
    "draw_names",
    "handle_values",
    "show",
]

SLOTS: Final = ("cookie", "cookie", "device", "email", "phone", "loyalty", "social", "user")
COOKIE, COOKIE_2, DEVICE, EMAIL, PHONE, LOYALTY, SOCIAL, USER = (1 << slot for slot in range(len(SLOTS)))

Rule = Literal[
    "browse", "checkout", "till", "device", "counter", "app", "feed", "social", "member", "mail", "mail_click", "care",
    "sign_up", "second_login", "app_login", "account", "connect", "card",
]  # fmt: skip

# Sets of handles, with their shares. What the person does not have yet is left out; the first set always exists.
RULES: Final[dict[Rule, tuple[tuple[int, float], ...]]] = {
    "browse": ((COOKIE, 0.3), (COOKIE_2, 0.1), (COOKIE | USER, 0.45), (COOKIE_2 | USER, 0.1), (USER, 0.05)),
    "checkout": (
        (COOKIE, 0.1),
        (COOKIE | EMAIL, 0.45),
        (COOKIE | USER, 0.2),
        (COOKIE | EMAIL | PHONE, 0.15),
        (USER, 0.1),
    ),
    "till": ((PHONE, 0.2), (LOYALTY, 0.4), (LOYALTY | PHONE, 0.3), (DEVICE | PHONE, 0.1)),
    "device": ((DEVICE, 1),),
    "counter": ((DEVICE, 0.3), (LOYALTY, 0.25), (DEVICE | LOYALTY, 0.45)),
    "app": ((DEVICE, 0.3), (DEVICE | USER, 0.7)),
    "feed": ((SOCIAL, 1),),
    "social": ((SOCIAL, 0.6), (SOCIAL | USER, 0.4)),
    "member": ((SOCIAL, 0.1), (USER, 0.7), (USER | SOCIAL, 0.2)),
    "mail": ((EMAIL, 0.7), (EMAIL | USER, 0.3)),
    "mail_click": ((COOKIE, 0.3), (COOKIE | EMAIL, 0.7)),
    "care": ((PHONE, 0.4), (EMAIL, 0.35), (EMAIL | USER, 0.15), (PHONE | LOYALTY, 0.1)),
    "sign_up": ((COOKIE | EMAIL, 0.6), (COOKIE | EMAIL | USER, 0.4)),
    "second_login": ((COOKIE_2 | USER, 1),),
    "app_login": ((DEVICE | USER, 1),),
    "account": ((EMAIL, 0.2), (USER, 0.5), (EMAIL | USER, 0.3)),
    "connect": ((USER | SOCIAL, 0.8), (USER | SOCIAL | EMAIL, 0.2)),
    "card": ((LOYALTY | PHONE, 0.75), (LOYALTY | PHONE | EMAIL, 0.25)),
}

_FIRST = (
    "zoe",
    "leo",
    "ines",
    "hugo",
    "maya",
    "noah",
    "lina",
    "sam",
    "rose",
    "paul",
    "ella",
    "tom",
    "ada",
    "max",
)
_LAST = (
    "martin",
    "petit",
    "durand",
    "moreau",
    "smith",
    "garcia",
    "weber",
    "rossi",
    "novak",
    "evans",
    "lopez",
)
_NETWORKS = ("instagram", "x", "tiktok", "facebook")
_ODD_32 = 0x9E3779B1  # odd, so multiplying by it modulo 2^32 gives each customer a different token
_ODD_PHONE = 48_271  # no common factor with 10^8, for the same reason


def show(rng: np.random.Generator, rule: Rule, has: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Choose which handles each event shows.

    Parameters
    ----------
    rng
        Source of the draws.
    rule
        Where the event happens.
    has
        Bit set of the handles that each person has at that time.

    Returns
    -------
    NDArray[np.uint8]
        Bit set of the handles shown, at least one.
    """
    sets = np.array([handles for handles, _ in RULES[rule]], dtype=np.uint8)
    shares = np.array([share for _, share in RULES[rule]])
    drawn = sets[np.searchsorted(np.cumsum(shares)[:-1], rng.random(len(has)), side="right")] & has
    return np.where(drawn == 0, sets[0], drawn).astype(np.uint8)


@dataclass(frozen=True)
class Names:
    """What the handles of some people are made of, a byte each, in the order of the people."""

    first: bytes
    last: bytes
    network: bytes
    british: bytes

    def __add__(self, more: "Names") -> "Names":
        """Return these people, and then those."""
        return Names(
            self.first + more.first,
            self.last + more.last,
            self.network + more.network,
            self.british + more.british,
        )


def draw_names(rng: np.random.Generator, british: NDArray[np.bool_]) -> Names:
    """Draw the names of people, and the network that each of them uses."""
    first, last, network = (
        rng.integers(len(choices), size=len(british)).astype(np.uint8).tobytes()
        for choices in (_FIRST, _LAST, _NETWORKS)
    )
    return Names(first, last, network, british.astype(np.uint8).tobytes())


def handle_values(base: int, names: Names) -> tuple[Callable[[int], str], ...]:
    """Return for each slot what gives a person's handle there; no two people share one, and another base gives others."""

    def token(person: int) -> int:
        return (base + _ODD_32 * person) % (1 << 32)

    def number(person: int) -> int:
        return (base + _ODD_PHONE * person) % 10**8

    def name(person: int) -> str:
        return f"{_FIRST[names.first[person]]}.{_LAST[names.last[person]]}.{token(person):x}"

    return (
        lambda person: f"ck-{token(person):08x}-{number(person):08d}",
        lambda person: f"ck-{number(person):08d}-{token(person):08x}",
        lambda person: f"{'ios' if token(person) & 64 else 'android'}-{token(person):08x}",
        lambda person: f"{name(person)}@example.com",
        lambda person: f"{'+4470' if names.british[person] else '+336'}{number(person):08d}",
        lambda person: f"card-{token(person):010d}",
        lambda person: f"{_NETWORKS[names.network[person]]}:{name(person)}",
        lambda person: f"u-{token(person):08x}",
    )
