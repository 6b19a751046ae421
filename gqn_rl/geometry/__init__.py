"""Geometry: poses, rays, rotations, and volumes turned against each other."""
