"""What an org is billed beside usage: subscriptions, one-off items, discounts, credits.

Not here: reading the file of items (`stores/invoicing`). Start with `all_items.py`.
"""
