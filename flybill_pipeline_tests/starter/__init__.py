"""Tests of `flybill_pipeline/starter`."""
