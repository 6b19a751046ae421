"""A renderer of several processes that draw at once."""
