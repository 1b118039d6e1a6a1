"""All benchmarks one after the other, each in a process of its own; `--short` in a size that takes a minute."""

import subprocess
import sys

FULL = {
    "bench_usage": ["--events", "10000000"],
    "bench_billing": [],
    "bench_sync": [],
    "bench_reconcile": [],
    "bench_dagster": [],
    "bench_ui": ["--months", "36"],
    "bench_pages": [],
}
SHORT = {
    "bench_usage": ["--events", "500000"],
    "bench_billing": ["--orgs", "2000"],
    "bench_sync": ["--invoices", "150"],
    "bench_reconcile": ["--invoices", "2000"],
    "bench_dagster": ["--shards", "2"],
    "bench_ui": ["--months", "6", "--shards", "2", "--times", "2"],
    "bench_pages": ["--orgs", "500", "--sample", "20", "--runs", "3"],
}

for name, options in (SHORT if "--short" in sys.argv else FULL).items():
    sys.stdout.write(f"\n{name} {' '.join(options)}\n")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", f"flybill_pipeline_tests.bench.{name}", *options], check=True)
