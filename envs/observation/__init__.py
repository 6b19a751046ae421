"""The observation: one module for each of its parts."""
