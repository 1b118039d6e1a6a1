"""Amounts, currencies, exact decimals, months and shares of them: what every other room counts with.

Not here: prices, usage, invoices. Start with `amounts.py`.
"""
