"""Episodes of agents, recorded step by step as data sets for offline reinforcement learning."""
