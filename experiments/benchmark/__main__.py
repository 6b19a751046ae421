"""Measure speed and memory, as ratios to what limits them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import tyro

from experiments.shared.command import run_command


class Subcommand(NamedTuple):
    """Attributes: a module with `Settings`, `main` and a docstring; what it does in a few words."""

    module: str
    summary: str


SUBCOMMANDS = {
    "gqn": Subcommand("experiments.benchmark.gqn_speed", "Training and representing with GQNs."),
    "env": Subcommand("experiments.benchmark.env_speed", "Steps of the environments."),
}
"""Only the module of the one that is asked for is imported."""


def main(arguments: list[str]) -> None:
    """Run the subcommand that the first argument names, with the others as its flags."""
    table = {name: _chooser(name, entry.summary) for name, entry in SUBCOMMANDS.items()}
    name: str = tyro.extras.subcommand_cli_from_dict(
        table, args=arguments[:1], prog="benchmark", description=__doc__
    )
    module = import_module(SUBCOMMANDS[name].module)
    sys.argv = [f"benchmark {name}", *arguments[1:]]
    run_command(module.main, module.Settings, module.__doc__)


def _chooser(name: str, summary: str) -> Callable[[], str]:
    def choose() -> str:
        return name

    choose.__doc__ = summary
    return choose


if __name__ == "__main__":
    main(sys.argv[1:])
