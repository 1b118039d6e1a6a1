"""What is owed: months, prices, lines, outcomes. Pure functions on plain values; no clock, no I/O, no floats."""
