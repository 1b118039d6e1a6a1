"""Dagster and nothing but Dagster: assets, checks, jobs, schedules, sensors. Short bodies; no SQL, no money."""
