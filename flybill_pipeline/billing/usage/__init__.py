"""What is measured, as plain values: meters, daily totals, and what a month's totals come to.

Not here: prices, and reading events (that is `stores/usage`). Start with `totals.py`, then `aggregation.py`.
"""
