"""Draws growth as SVG: CPU time for a million events, ours and the floor's, and memory, by size. Measures nothing."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from flybill_pipeline_tests.bench.figures import Figure

MILLION = 1_000_000
WIDTH, HEIGHT = 880, 380
LEFT, TOP, PANEL, TALL, BETWEEN = 60, 60, 320, 240, 120
COLOURS = ("#2a5db0", "#b0552a", "#2a8f5d", "#7a3fa0", "#8a7a1a", "#a02a4f")
Line = tuple[str, str, bool, list[tuple[int, float]]]
"""Name, colour, whether it is a floor, and points of events and value."""


def drawn(figures: Sequence[Figure]) -> str:
    """The picture of every stage that was measured in several sizes; empty where none was."""
    stages: dict[str, list[Figure]] = defaultdict(list)
    for figure in figures:
        stages[figure.stage].append(figure)
    grown = {stage: sorted(same, key=lambda each: each.count) for stage, same in stages.items() if len(same) > 1}
    if not grown:
        return ""
    parts = [
        *_panel("CPU seconds for a million events", LEFT, list(_times(grown))),
        *_panel("MB of memory at most", LEFT + PANEL + BETWEEN, list(_memory(grown))),
        *_legend(grown),
    ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 20 * len(grown)}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _times(grown: Mapping[str, Sequence[Figure]]) -> Iterator[Line]:
    for (stage, same), colour in zip(grown.items(), COLOURS, strict=False):
        each = [(figure.count, figure.cpu / figure.count * MILLION) for figure in same]
        yield stage, colour, False, each
        floors = [(count, value / figure.measures[0].value) for figure, (count, value) in zip(same, each, strict=True)]
        yield stage, colour, True, floors


def _memory(grown: Mapping[str, Sequence[Figure]]) -> Iterator[Line]:
    for (stage, same), colour in zip(grown.items(), COLOURS, strict=False):
        yield stage, colour, False, [(figure.count, figure.peak_mb) for figure in same]


def _panel(title: str, left: int, lines: Sequence[Line]) -> Iterator[str]:
    points = [point for *_, each in lines for point in each]
    most = max(value for _, value in points) * 1.15
    low, high = (math.log10(edge(count for count, _ in points)) for edge in (min, max))

    def place(count: int, value: float) -> tuple[float, float]:
        return left + (math.log10(count) - low) / (high - low) * PANEL, TOP + TALL - value / most * TALL

    yield f'<text x="{left}" y="{TOP - 24}" font-weight="bold">{escape(title)}</text>'
    for step in range(5):
        value = most * step / 4
        y = place(points[0][0], value)[1]
        yield f'<path d="M{left} {y:.1f}h{PANEL}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{_short(value)}</text>'
    for count in sorted({count for count, _ in points}):
        x = place(count, 0)[0]
        yield f'<text x="{x:.1f}" y="{TOP + TALL + 18}" text-anchor="middle" fill="#555">{_events(count)}</text>'
    for _, colour, is_floor, each in lines:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in each))
        dashes = ' stroke-dasharray="5 4"' if is_floor else ""
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _legend(grown: Mapping[str, Sequence[Figure]]) -> Iterator[str]:
    y = TOP + TALL + 46
    told = "Dashed: the floor, measured in the same run. A flat line is linear growth."
    yield f'<text x="{LEFT}" y="{y}" fill="#555">{told}</text>'
    for number, (stage, colour) in enumerate(zip(grown, COLOURS, strict=False), start=1):
        yield f'<path d="M{LEFT} {y + 20 * number - 4}h24" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{LEFT + 32}" y="{y + 20 * number}">{escape(stage)}</text>'


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _events(count: int) -> str:
    return f"{count / MILLION:g} M" if count >= MILLION else f"{count / 1000:g} k"
