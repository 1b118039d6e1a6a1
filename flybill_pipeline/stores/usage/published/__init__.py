"""The lake as Iceberg tables that any engine reads, over the files that it has: published from the ledger, never read.

Not here: what counts (`lake`), and which months were priced (`stores/invoicing`). Start with `open_tables.py`.
"""
