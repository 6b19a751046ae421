"""The search for cells and a frame that explain views."""
