"""Trials of mental rotation: one row each, whoever answered, and what they say by angle."""
