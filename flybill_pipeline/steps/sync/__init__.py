"""Finalized invoices are brought to Stripe, each exactly once, and compared with Stripe's own list.

Not here: how a call is made (`stripe_gateway`). Start with `one_invoice.py`, then `sync_invoices.py`.
"""
