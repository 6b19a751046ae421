"""Agents of other libraries as they come, for reference."""
