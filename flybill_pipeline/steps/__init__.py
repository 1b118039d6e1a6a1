"""What flybill does, one verb a file: plain values and ports in, reports out.

Not here: SQL, files, Stripe's library, Dagster. A step reaches the world through the protocols beside it.
Start with `pricing/price_usage.py` or `sync/one_invoice.py`; the rooms are those of `billing`.
"""
