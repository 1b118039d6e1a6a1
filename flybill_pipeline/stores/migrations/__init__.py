"""Alembic migrations of the billing schema, oldest first. No application code is imported by a version."""
