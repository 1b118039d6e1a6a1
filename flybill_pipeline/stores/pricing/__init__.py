"""Price books at rest, and what a month was priced from.

Not here: what a price comes to (`billing/pricing`). Start with `price_books.py`.
"""
