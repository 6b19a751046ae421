"""Stable-Baselines3 agents for any Gymnasium vector environment whose infos name the answer."""
