"""The lattice family: views write to points in the world, queries read along rays."""
