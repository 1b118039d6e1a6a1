"""Drafts become outcomes and finalized invoices, and these are proven afterwards.

Not here: which outcome is right (`billing/invoicing/outcomes.py`). Start with `finalize_invoices.py`.
"""
