"""What becomes of an invoice's money, credit notes, and where a month stands.

Not here: reading Stripe, and sending. Start with `standing.py`.
"""
