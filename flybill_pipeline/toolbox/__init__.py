"""The real stores, gateway, clock and channels of one deployment, by the rooms that the stores have too.

Not here: any use of them. Start with `tools.py`; `wiring.py` puts them together from settings.
"""
