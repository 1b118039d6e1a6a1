"""Small pictures beside a materialization: bars of a few numbers, as PNG inside markdown. Computes nothing."""

import base64
import io
from collections.abc import Callable, Mapping

import dagster as dg

MOST_BARS = 12
INK, PAPER = "#3b5998", "white"


def bars(title: str, values: Mapping[str, int], in_words: Callable[[int], str] = str) -> dg.MetadataValue:
    """A horizontal bar for each of the largest `values`, with its name and what `in_words` makes of it.

    What is beyond `MOST_BARS` is one bar, `others`: Dagster keeps the picture for ever, so it must stay small.
    """
    from matplotlib.figure import Figure

    shown = _largest(values)
    figure = Figure(figsize=(6, 0.6 + 0.28 * len(shown)), dpi=90, facecolor=PAPER, layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.barh(list(shown), list(shown.values()), color=INK, height=0.7)
    axes.bar_label(drawn, labels=[in_words(value) for value in shown.values()], padding=4, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.set_title(title, fontsize=10, loc="left")
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.xaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    drawing = io.BytesIO()
    figure.savefig(drawing, format="png")
    encoded = base64.b64encode(drawing.getvalue()).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})")


def _largest(values: Mapping[str, int]) -> dict[str, int]:
    ordered = sorted(values.items(), key=lambda item: -abs(item[1]))
    shown, others = dict(ordered[:MOST_BARS]), ordered[MOST_BARS:]
    return shown | ({f"{len(others)} others": sum(value for _, value in others)} if others else {})
