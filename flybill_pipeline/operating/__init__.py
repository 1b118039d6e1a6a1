"""Work on a deployment from outside of Dagster's daemon: its jobs run in this process, dead runs ended, backups.

Not here: what a job does (`defs`). Start with `runs.py`.
"""
