"""Callbacks, checkpoints, and the state that an exact resume needs."""
