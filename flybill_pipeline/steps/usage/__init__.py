"""Landed files become usage events, events become exact totals of days, and what is odd is noticed.

Not here: how a file is read (`stores/usage`). Start with `record_usage.py`.
"""
