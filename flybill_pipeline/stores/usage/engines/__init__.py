"""Engines beside our own DuckDB: usage that stays in one comes as totals of days, and one may sum the days of the lake.

Not here: what becomes of totals that came; they are landed as files, and read as such (`intake`).
"""
