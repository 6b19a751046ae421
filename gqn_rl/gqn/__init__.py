"""Generative Query Networks."""
