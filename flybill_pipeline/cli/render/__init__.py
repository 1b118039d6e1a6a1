"""How answers look at a terminal, and as JSON.

Not here: queries, decisions. Start with `console.py`.
"""
