"""Volumes of voxels that several families share."""
