"""Who is billed and what: organizations, items, drafts, invoices, outcomes.

Not here: what Stripe has of them (`stores/sync`). Start with `invoices.py`.
"""
