"""A month of an org is priced: its own usage, what comes late, what its account holds; and the what-ifs.

Not here: what a price is (`billing/pricing`). Start with `price_usage.py`.
"""
