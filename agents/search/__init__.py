"""The search for hyperparameters."""

from agents.search.space import parameters_of, search_space, suggested

__all__ = ["parameters_of", "search_space", "suggested"]
