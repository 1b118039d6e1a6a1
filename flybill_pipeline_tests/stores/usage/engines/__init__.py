"""Tests of usage that stays in an engine."""
