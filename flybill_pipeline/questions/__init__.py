"""One question a file: a function from the toolbox and plain arguments to a frozen value.

Not here: how an answer looks (`cli/render`, pages), and Dagster. Start with `owed.py`.
"""
