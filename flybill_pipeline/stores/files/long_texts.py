"""How long a text may be in CSV that Python reads: as long as a line. Where it is said, and nothing of how CSV is read.

Python allows 128 KiB, and has one limit for the whole process. So each reader asks for this one, whatever ran before.
"""

import csv

LONGEST = 16 * 1024 * 1024


def allow_long_texts() -> None:
    """From now on Python's CSV readers of this process take texts of up to LONGEST characters."""
    csv.field_size_limit(LONGEST)
