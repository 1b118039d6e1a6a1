"""Points of the one chart: what a month's usage came to day after day, beside the month before. Numbers to numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

WIDTH, HEIGHT = 640, 200
LONGEST_MONTH = 31


@dataclass(frozen=True, slots=True)
class Curve:
    """A line in a drawing of WIDTH x HEIGHT, as the `points` of an SVG polyline; "" where there is nothing to draw."""

    points: str
    top_minor: int


def curves(*months: Sequence[tuple[date, int]], level_minor: int = 0) -> list[Curve]:
    """One curve for each month, all to the scale of the largest amount; a month begins at the left with nothing.

    `level_minor` has a place in the drawing too.
    """
    top = max((level_minor, *(amount for month in months for _, amount in month)))
    return [Curve(_points(month, top), top) for month in months]


def level(amount_minor: int, curve: Curve) -> int | None:
    """How far from above an amount stands in the drawing of a curve; None where it has no place."""
    return _height(amount_minor, curve.top_minor) if 0 < amount_minor <= curve.top_minor else None


def _points(month: Sequence[tuple[date, int]], top: int) -> str:
    if top <= 0 or not month:
        return ""
    placed = [(0, HEIGHT), *((day.day * WIDTH // LONGEST_MONTH, _height(amount, top)) for day, amount in month)]
    return " ".join(f"{x},{y}" for x, y in placed)


def _height(amount_minor: int, top_minor: int) -> int:
    return HEIGHT - max(amount_minor, 0) * HEIGHT // top_minor
