"""The real stores, gateway, clock and channels of one deployment, by the rooms that the stores have too.

Not here: decisions. Start with `tools.py`; `wiring.py` puts them together from settings, `closing.py` hands them to the
steps that close a shard of a month.
"""
