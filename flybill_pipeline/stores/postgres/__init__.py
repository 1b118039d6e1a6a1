"""Postgres itself: opening, migrating, bulk loading, roles, and what all tables share.

Not here: any table of billing. Start with `database.py`.
"""
