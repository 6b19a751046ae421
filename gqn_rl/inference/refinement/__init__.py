"""Refinement: an imagined scene of cells, fitted to the views that were seen."""
