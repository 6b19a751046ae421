"""Learned representations of 3D scenes: objects, cameras, pixels and the GQN."""
