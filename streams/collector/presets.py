"""Lists the uses of write keys, such as a browser or a back end, and what each grants by default."""

from collections.abc import Sequence
from dataclasses import dataclass

from journey.channel import CHANNELS, IDENTITY_AREA
from streams.collector.write_keys import EVERY

__all__ = ["DEFAULT", "PRESETS", "Preset", "granted"]


@dataclass(frozen=True, slots=True)
class Preset:
    """A use of a write key.

    Attributes
    ----------
    what
        Who has the key, in words.
    channels
        As a key has them, without identity.
    per_s
        Events a second.
    may_link
        Whether it says who is one person.
    needs_origin
        Whether it is of no use without origins of pages.
    """

    what: str
    channels: tuple[str, ...]
    per_s: int
    may_link: bool
    needs_origin: bool = False

    @property
    def description(self) -> str:
        """What it grants, in words."""
        channels = "all channels" if EVERY in self.channels else f"channels {', '.join(self.channels)}"
        pages = "pages of --origin, which it needs" if self.needs_origin else "no page"
        links = "identity" if self.may_link else "no identity"
        return f"{channels}; {pages}; {links}; {self.per_s:,} events/s"


DEFAULT = "server"
PRESETS = {
    "server": Preset("a back end that knows its customers", (EVERY,), 1_000, may_link=True),
    "browser": Preset(
        "pages: everybody who looks at one has the key, and can send what it may send",
        ("web", "social"),
        200,
        may_link=False,
        needs_origin=True,
    ),
    "till": Preset("tills and tablets of a store", ("store", "support"), 100, may_link=True),
    "import": Preset("a job that loads history", (EVERY,), 20_000, may_link=True),
}
assert all(set(preset.channels) <= {*CHANNELS, EVERY} for preset in PRESETS.values())  # noqa: S101 - of ours


def granted(preset: Preset, channels: Sequence[str], *, may_link: bool | None) -> tuple[str, ...]:
    """Return the channels of a key: those given, else the preset's; with or without identity, where that is given.

    Channels that are given are all there are: without identity among them, it is not granted.
    """
    found = list(dict.fromkeys(channels or preset.channels))
    wanted = (
        may_link if may_link is not None else IDENTITY_AREA in found or (preset.may_link and not channels)
    )
    return (*(name for name in found if name != IDENTITY_AREA), *((IDENTITY_AREA,) if wanted else ()))
