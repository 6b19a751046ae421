"""Inference from views: refinement of what a GQN imagines, and the ideal observer."""
