"""What is owed: months, prices, lines, outcomes, as pure functions on plain values.

Not here: clock, chance, files, SQL, Stripe, floats. A room imports only rooms below it: money is the lowest.
Start with `pricing/usage_lines.py` (usage becomes lines) and `invoicing/bill.py` (lines become a bill).
"""
