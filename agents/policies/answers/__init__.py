"""Policies with an answer posterior."""
