"""What Dagster starts and shows: assets, checks, jobs, schedules, sensors, and how their reports look there.

Not here: what an asset does (`steps`, handed their tools by `toolbox.closing`), SQL, decisions about money. Start with
`assets/billing.py`; what runs together is in `jobs.py`, what must be true in `checks/`.
"""
