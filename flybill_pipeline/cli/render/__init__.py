"""How answers look: a file for each, with its words for a terminal and its JSON.

Not here: queries, decisions. Start with `screen.py`, the one door through which everything is printed.
"""
