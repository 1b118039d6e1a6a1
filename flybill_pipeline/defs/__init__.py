"""Dagster and nothing but Dagster: assets, checks, jobs, schedules, sensors. Bodies of a few lines; no SQL, no money."""
