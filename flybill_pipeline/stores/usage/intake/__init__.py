"""Landed files, and how one of them becomes rows: mapping, readers, judging.

Not here: what is kept of them (`lake`). Start with `take.py`.
"""
