"""The search for candidates that explain a view: what is compared where, and what is given up."""
