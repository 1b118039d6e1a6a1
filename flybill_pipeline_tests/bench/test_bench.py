"""The benchmarks in a size that takes seconds: that they run and say their numbers. Nothing here judges a time.

That of Dagster's pages needs all of Dagster's processes: `test_daemon` has them, and runs it.
"""

import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("bench_usage", ["--events", "20000", "--formats", "parquet"], "x a bare group-by"),
        ("bench_billing", ["--orgs", "160", "--lines", "5"], "800 lines of 160 orgs"),
        ("bench_sync", ["--invoices", "30"], "30 of 30 invoices"),
        ("bench_limit", ["--invoices", "16", "--processes", "1"], "16 invoices by 1 processes"),
        ("bench_statements", ["--orgs", "9", "--months", "2", "--lines", "2"], "the largest tables after 3 months"),
        ("bench_reconcile", ["--invoices", "250"], "250 of 250 invoices proven"),
        ("bench_dagster", ["--shards", "1", "--no-queue"], "flybill close: 1 of 1 shards"),  # queue: test_daemon
        (
            "bench_pages",
            ["--orgs=9", "--months=1", "--lines=2", "--files=2", "--days=1", "--sample=1", "--runs=1"],
            "flybill owes, 1 times",
        ),
    ],
)
def test_a_benchmark_runs_and_tells(
    name: str, options: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has imported everything already."""
    monkeypatch.setattr(sys, "argv", [name, *options])
    import_module(f"flybill_pipeline_tests.bench.{name}").main()
    assert says in capsys.readouterr().out
