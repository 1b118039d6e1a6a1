"""Usage that stays in an engine: its rollup is pushed down there through Ibis, and only totals of days come.

Not here: what becomes of the totals; they are landed as files, and read as such (`intake`).
"""
