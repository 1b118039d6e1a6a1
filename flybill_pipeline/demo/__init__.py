"""A month of a made-up cloud, billed from end to end: its customers, its usage, its accidents. Nothing real bills here."""
