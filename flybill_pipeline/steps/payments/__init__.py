"""What becomes of invoices at Stripe is read, and credit notes are issued.

Not here: what an observation means (`billing/payments`). Start with `read_payments.py`.
"""
