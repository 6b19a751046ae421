"""Policies that judge moves by what is told of them in advance."""
