"""Parquet pieces of usage events, the catalog that says which of them count, and the rollup of a day.

Not here: reading landed files (`intake`). Start with `lake.py`.
"""
