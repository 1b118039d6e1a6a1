"""What a person types: one file a family of commands.

Not here: decisions and queries (they are `questions` and `steps`), and how answers look (`render`).
Start with `commands.py`.
"""
