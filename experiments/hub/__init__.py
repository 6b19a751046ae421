"""Weights and agents on the Hugging Face hub."""
