"""The durable rows of the sync, the work list, its claims, runs and breaker.

Not here: what to do next (`steps/sync`). Start with `ledger.py`.
"""
