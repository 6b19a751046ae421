"""Tests of inference beyond one pass through a network."""
