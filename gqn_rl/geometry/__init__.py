"""Where things are in space: poses, rays, rotations, and volumes turned against each other."""
