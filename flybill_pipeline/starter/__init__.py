"""A small world of one's own to begin with: prices, mapping, organizations, items, usage, as files to edit.

What the files say is in `files/`. Start with `world.py`.
"""
