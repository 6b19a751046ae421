"""Measures of a GQN: errors of predicted views, and the variance of its representation."""
