"""One table of all that benchmarks measured, each number beside its bar, and growth over sizes. Measures nothing."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from flybill_pipeline_tests.bench.figures import Figure, Measure

HEAD = ("stage", "work", "seconds", "a second", "CPU s", "peak MB", "measured", "bar", "")
WORDS = {True: "holds", False: "MISSED", None: ""}
MOST_GROWTH = 1.1


def table(figures: Sequence[Figure]) -> str:
    """The table as text, its columns as wide as they must be."""
    rows = [HEAD, *(row for figure in figures for row in _rows(figure)), *_growth(figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEAD))]
    left = {0, 6, 8}
    lines = [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _rows(figure: Figure) -> Iterator[tuple[str, ...]]:
    rate = figure.count / figure.seconds if figure.seconds else 0
    begin = (
        figure.stage,
        f"{figure.count:,} {figure.unit}",
        f"{figure.seconds:,.1f}",
        f"{rate:,.0f}",
        f"{figure.cpu:,.1f}",
        f"{figure.peak_mb:,.0f}",
    )
    for number, measure in enumerate(figure.measures or (Measure(0, ""),)):
        yield (*(begin if number == 0 else [""] * len(begin)), *_measured(measure))


def _measured(measure: Measure) -> tuple[str, str, str]:
    if not measure.what:
        return "", "", ""
    bar = "" if measure.bar is None else f"{'≥' if measure.at_least else '≤'} {measure.bar:g}"
    return f"{_number(measure.value)} {measure.what}", bar, WORDS[measure.holds]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.2f}"


def _growth(figures: Iterable[Figure]) -> Iterator[tuple[str, ...]]:
    """CPU time for each event, against that of the next smaller size of the same stage."""
    sizes: dict[str, list[Figure]] = defaultdict(list)
    for figure in figures:
        sizes[figure.stage].append(figure)
    for stage, same in sizes.items():
        for less, more in pairwise(sorted(same, key=lambda each: each.count)):
            grown = Measure((more.cpu / more.count) / (less.cpu / less.count), "x linear, by CPU", MOST_GROWTH)
            yield (f"{stage}: growth", f"{less.count:,} to {more.count:,}", *[""] * 4, *_measured(grown))
