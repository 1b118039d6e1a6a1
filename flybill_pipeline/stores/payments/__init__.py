"""What was seen of payments, credit notes, and the statement as it is read.

Not here: what an observation means (`billing/payments`). Start with `standing.py`.
"""
