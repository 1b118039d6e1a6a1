"""A month of a made-up cloud, billed from end to end: its customers, usage and accidents. Nothing real bills here."""
