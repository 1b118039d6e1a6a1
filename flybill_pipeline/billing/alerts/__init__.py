"""Problems that a person should know of, as values.

Not here: finding them and telling them (`steps/alerts`). Start with `problems.py`.
"""
