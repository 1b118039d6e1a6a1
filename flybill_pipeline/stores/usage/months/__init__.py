"""A month of the lake as pricing wants it, and whether it changed.

Not here: prices, and writing. Start with `monthly_usage.py`.
"""
