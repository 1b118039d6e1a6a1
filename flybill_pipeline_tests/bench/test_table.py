"""What benchmarks measured, in one table and one picture."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from flybill_pipeline_tests.bench.__main__ import parser, planned
from flybill_pipeline_tests.bench.chart import drawn
from flybill_pipeline_tests.bench.figures import FILE, Figure, Measure, hand_over, handed_over
from flybill_pipeline_tests.bench.table import table

SMALL = Figure("files → lake", 1_000_000, "events", 2.0, 2.0, 300, (Measure(1.9, "x a bare conversion, by CPU", 2.0),))
LARGE = Figure("files → lake", 10_000_000, "events", 30.0, 30.0, 310, (Measure(2.1, "x a bare conversion", 2.0),))
SYNC = Figure("sync", 1_500, "invoices", 60.0, 9.0, 90, (Measure(99.1, "% of the limit", 95, at_least=True),))


def test_each_number_stands_beside_its_bar() -> None:
    lines = [" ".join(line.split()) for line in table([SMALL, LARGE, SYNC]).splitlines()]
    assert lines[2] == "files → lake 1,000,000 events 2.0 500,000 2.0 300 1.90 x a bare conversion, by CPU ≤ 2 holds"
    assert lines[3].endswith("2.10 x a bare conversion ≤ 2 MISSED")
    assert lines[4] == "sync 1,500 invoices 60.0 25 9.0 90 99.10 % of the limit ≥ 95 holds"
    assert lines[5] == "files → lake: growth 1,000,000 to 10,000,000 1.50 x linear, by CPU ≤ 1.1 MISSED"


def test_what_is_asked_for_is_run_and_nothing_else() -> None:
    def named(*options: str) -> list[str]:
        return [" ".join([name, *given]) for name, given in planned(parser().parse_args(options))]

    assert named("--only", "statements") == ["statements"]
    assert named("--only", "usage", "--formats", "csv", "--events", "10", "20") == [
        "usage --events 10 --formats csv",
        "usage --events 20 --formats csv",
    ]
    assert "statements" in named("--all")
    assert [each.split()[0] for each in named()] == ["usage"] * 3 + ["billing", "sync", "limit", "reconcile", "pages"]


def test_figures_come_back_as_they_were_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "figures"
    assert handed_over(file) == []
    monkeypatch.setenv(FILE, str(file))
    for figure in (SMALL, SYNC):
        hand_over(figure)
    assert handed_over(file) == [SMALL, SYNC]


def test_growth_is_drawn_of_what_was_measured_in_several_sizes() -> None:
    picture = ElementTree.fromstring(drawn([SMALL, LARGE, SYNC]))
    texts = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1 M", "10 M", "files → lake"} <= set(texts)
    assert "sync" not in texts
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}polyline"))) == 3  # ours, the floor, memory
    assert drawn([SMALL, SYNC]) == ""
