"""The number that stands for no answer, wherever actions and answers are counted."""

NO_ANSWER = -1
"""Where a row has given none, or moves its camera instead."""
