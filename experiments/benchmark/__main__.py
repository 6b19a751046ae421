"""Measure speed and memory, as ratios to what limits them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NamedTuple

from experiments.shared.command import chosen_subcommand, run_command


class Subcommand(NamedTuple):
    """Attributes: a module with `Settings`, `main` and a docstring; what it does in a few words."""

    module: str
    summary: str


SUBCOMMANDS = {
    "gqn": Subcommand("experiments.benchmark.gqn.settings", "Training and representing with GQNs."),
    "env": Subcommand("experiments.benchmark.env.settings", "Steps of the environments."),
    "start": Subcommand(
        "experiments.benchmark.start.settings", "What is waited for first, memory, busy machines."
    ),
}
"""Only the module of the one that is asked for is imported."""


def main(arguments: list[str]) -> None:
    """Run the subcommand that the first argument names, with the others as its flags."""
    summaries = {name: entry.summary for name, entry in SUBCOMMANDS.items()}
    name = chosen_subcommand(summaries, arguments, "benchmark", __doc__)
    module = import_module(SUBCOMMANDS[name].module)
    run_command(module.main, module.Settings, module.__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
