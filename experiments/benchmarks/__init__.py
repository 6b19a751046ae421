"""What `python -m experiments.benchmark` measures, a module for each subcommand."""
