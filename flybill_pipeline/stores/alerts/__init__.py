"""Problems, what was told of them, and the outbox.

Not here: words and channels. Start with `ledger.py`.
"""
