"""Serving Dagster's UI, which has no login and trusts every caller: the guard in front of it, and the processes behind.

No code belongs in this file.
"""
