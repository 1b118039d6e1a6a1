"""Usage at rest in three rooms: `intake` reads landed files, `lake` keeps events and totals, `months` reads them.

Not here: prices. Start with `lake/lake.py`. A room imports only from those named before it.
"""
