"""Defines the A-Path's stages: Attention, Attraction, Affinity, Audience, Advocacy (Steve Goldner, "Social Steve")."""

from enum import IntEnum

__all__ = ["STAGES", "STAGE_NAMES", "Stage"]


class Stage(IntEnum):
    """A customer's stage with a brand; higher is closer. NONE is its own value, not a low score."""

    NONE = 0
    ATTENTION = 1
    ATTRACTION = 2
    AFFINITY = 3
    AUDIENCE = 4
    ADVOCACY = 5

    @property
    def label(self) -> str:
        """The name as it is in tables and files, such as ``affinity``."""
        return self.name.lower()


STAGES: tuple[Stage, ...] = tuple(stage for stage in Stage if stage is not Stage.NONE)
STAGE_NAMES: tuple[str, ...] = tuple(stage.label for stage in STAGES)
