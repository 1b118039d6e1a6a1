"""The values and rules of bringing invoices to Stripe: what is sent, compared, stopped, told.

Not here: calls, SQL, and the order of steps (`steps/sync`). Start with `values.py`.
"""
