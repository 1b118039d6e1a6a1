"""The languages that customers read, beside English: a catalog each, and forms of numbers and days from CLDR.

Not here: what is said (`billing/words` and templates). Start with `chosen.py`.
"""
