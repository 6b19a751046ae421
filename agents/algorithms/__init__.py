"""Reinforcement learning with an auxiliary supervised loss."""
