"""How `flybill doctor` answers: in words and as JSON. Nothing is looked at here."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from flybill_pipeline.cli.render import screen
from flybill_pipeline.operating.findings import Examined

TONES: dict[str, Callable[[str], screen.Piece]] = {"ok": str, "warning": screen.warning, "wrong": screen.bad}


def show_examined(examined: Examined) -> None:
    """Versions, what is set, and each finding with its remedy."""
    screen.line(" · ".join(f"{name} {number}" for name, number in examined.versions.items()))
    screen.line()
    settings = [(each.name, each.origin, each.value or "(not shown)") for each in examined.variables]
    screen.table(("variable", "from", "value"), settings)
    screen.line()
    for finding in examined.findings:
        screen.line(TONES[finding.state](f"{finding.state:<8}"), f"{finding.about}: {finding.sentence}")
        if finding.remedy:
            screen.line(f"          → {finding.remedy}")


def examined_data(examined: Examined) -> dict[str, Any]:
    """The JSON of `flybill doctor`."""
    return {
        "versions": dict(examined.versions),
        "settings": [{"name": each.name, "from": each.origin, "value": each.value} for each in examined.variables],
        "settings_wrong": examined.settings_wrong,
        "findings": [asdict(each) for each in examined.findings],
    }
