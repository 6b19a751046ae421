"""Inference beyond one pass through a network: what is imagined is fitted to what was seen."""
