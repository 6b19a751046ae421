"""Policies whose answers are choices and whose turns are numbers."""
