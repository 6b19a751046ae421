"""The canonical family: unit cells in the frame of the object, seen by exact rays."""
