"""From one org's usage totals of a month to priced lines: price books, price models, the line and its working.

Not here: discounts, credits, outcomes (`invoicing`), and reading files. Start with `prices.py`, then `usage_lines.py`.
"""
