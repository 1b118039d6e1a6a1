"""From priced lines to one org's bill of a month, and what becomes of it.

Not here: how usage is priced (`pricing`), and what Stripe makes of it. Start with `bill.py`, then `outcomes.py`.
"""
