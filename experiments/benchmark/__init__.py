"""Speed and memory, a module for each subcommand of `python -m experiments.benchmark`."""
