"""Renders the chart of an alert as PNG: people a minute against those expected, or a figure against its limit."""

from io import BytesIO

from streams.alerts.ledger import StoredChange

__all__ = ["picture"]

_WIDTH, _HEIGHT, _EDGE = 480, 160, 8
_COLOURS = {"for": (48, 140, 60), "against": (190, 40, 40)}
_FIGURE, _EXPECTED, _PAPER = (50, 100, 180), (90, 90, 90), (255, 255, 255)


def picture(told: StoredChange) -> bytes | None:
    """Return the last hour of a change as bars of people and a line of what was expected.

    None where there is nothing to show, or where Pillow is not installed (extra ``alerts``).
    """
    curve = told.reason.get("curve") or []
    try:
        from PIL import Image, ImageDraw  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    if not curve:
        return None
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    most = max(1.0, *(max(people, expected) for _, people, expected in curve))
    step = (_WIDTH - 2 * _EDGE) / len(curve)
    colour = _COLOURS.get(told.change.alert.direction, _FIGURE)

    def height(value: float) -> float:
        return float(_HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * value / most)

    for place, (_, people, _) in enumerate(curve):
        left = _EDGE + place * step
        draw.rectangle((left, height(people), left + step * 0.8, _HEIGHT - _EDGE), fill=colour)
    line = [(_EDGE + (place + 0.5) * step, height(row[2])) for place, row in enumerate(curve)]
    if len(line) > 1:
        draw.line(line, fill=_EXPECTED, width=2)
    sink = BytesIO()
    image.save(sink, format="PNG", optimize=True)
    return sink.getvalue()
