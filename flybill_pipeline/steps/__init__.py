"""One verb a file, one asset each, without Dagster: plain values and ports in, outcomes out. No I/O library here."""
