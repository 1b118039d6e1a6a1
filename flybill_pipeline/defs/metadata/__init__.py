"""What an operator sees beside a materialization: counts, money, offenders. Formats only; computes nothing.

`tables.py` has what all reports share; then one file for each part of the flow.
"""
