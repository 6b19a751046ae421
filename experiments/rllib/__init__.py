"""Reinforcement learning by Ray RLlib: many processes on one host or a cluster."""
