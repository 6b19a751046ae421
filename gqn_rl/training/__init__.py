"""Pre-training a GQN."""
