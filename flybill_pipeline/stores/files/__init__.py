"""Places on disk, and DuckDB, which reads and writes there.

Not here: any query. Start with `duck.py`.
"""
