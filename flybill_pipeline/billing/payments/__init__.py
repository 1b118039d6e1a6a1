"""What becomes of an invoice's money, credit notes, and the words of a statement.

Not here: reading Stripe, and sending. Start with `standing.py`; `statement.py` is what the developer reads.
"""
