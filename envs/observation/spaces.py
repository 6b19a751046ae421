"""The older home of `Flattening` and of the space of poses."""

from envs.camera.space import encoded, viewpoint_space
from envs.observation.flattening import Flattening

__all__ = ["Flattening", "encoded", "viewpoint_space"]
