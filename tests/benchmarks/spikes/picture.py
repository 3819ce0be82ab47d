"""Curves of recall, delay and false alarms, as one picture."""

from pathlib import Path

import numpy as np

from tests.benchmarks.spikes.injected import AS_IT_IS, LENGTHS_S, RATES, SIZES, Outcome
from tests.benchmarks.spikes.methods import METHODS

__all__ = ["draw"]

_OURS = "ours"
_COLOURS = ("#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#ff7f0e")


def draw(outcomes: dict[str, Outcome], per_month: float, path: Path) -> None:
    """Write the picture; matplotlib comes with the dependency group `bench`."""
    import matplotlib as mpl  # noqa: PLC0415 — only this needs it

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "journey"  # the same picture is the same file
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(2, 4, figsize=(17, 8), layout="constrained")
    for axis, rate in zip(axes[0], RATES, strict=True):
        for name, one in outcomes.items():
            axis.plot(SIZES, [one.recall(rate=rate, size=size) for size in SIZES], **_style(name))
        axis.set(
            title=f"recall at {rate:g} a bucket",
            xscale="log",
            ylim=(-0.03, 1.03),
            xlabel="spike, times the usual added",
        )
    for axis, length in zip(axes[1], LENGTHS_S, strict=False):
        for name, one in outcomes.items():
            delays = [[d for d in one.delays(size=size, length_s=length) if d is not None] for size in SIZES]
            axis.plot(SIZES, [np.median(found) if found else np.nan for found in delays], **_style(name))
        axis.set(
            title=f"median delay, spikes of {length // 60} min",
            xscale="log",
            xlabel="spike, times the usual added",
            ylabel="min",
        )
    for at, (name, one) in enumerate(outcomes.items()):
        alarms = list(one.quiet.values())
        axes[1, 3].plot(alarms, [at] * len(alarms), "o", alpha=0.35, color=_style(name)["color"])
    axes[1, 3].axvline(per_month, color="0.6", lw=1)
    axes[1, 3].set(
        title="false alarms, quiet months",
        yticks=range(len(outcomes)),
        yticklabels=list(outcomes),
    )
    axes[0, 0].legend(fontsize=8)
    for axis in axes.flat[:7]:
        axis.set_xticks(SIZES, [f"{size:g}" for size in SIZES])
        axis.minorticks_off()
    figure.suptitle(
        f"Injected spikes, one threshold for all series; the methods at {per_month:g} false alarms a month on average"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _style(name: str) -> dict[str, object]:
    own = name in {AS_IT_IS, _OURS}
    colour = "#d62728" if own else _COLOURS[list(METHODS).index(name) - 1]
    return {
        "color": colour,
        "label": name,
        "marker": "o",
        "ms": 3,
        "lw": 2.4 if own else 1.2,
        "ls": ":" if name == _OURS else "-",
    }
