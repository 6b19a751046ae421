"""Measure what views leave open on each step of the ladder of difficulty (docs/environments.md).

The ideal observer plays recognition on every step, with the views that are expected to tell most,
with the farthest ones and with random ones: how often the right shape is the likeliest after one to
four views, how many views it takes until an answer is sure, and how often that is right. The output
folder gets metrics.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from experiments.agent.difficulty import COUNTED, MOST_INFORMATIVE, STEPS
from experiments.shared.command import (
    new_run_folder,
    require_more_than_zero,
    run_command,
    save_settings,
)
from experiments.shared.terminal import console
from experiments.shared.threads import OneThreadFlag, use_threads_for_small_batches
from gqn_rl.errors import unknown_name
from gqn_rl.files import write_json
from gqn_rl.rendering import DEFAULT_RENDERER
from gqn_rl.rendering.base import check_renderer

ENV_ID = "GQNShepard-v0"


@dataclass(frozen=True)
class MeasureDifficultySettings(OneThreadFlag):
    """Flags of `python -m experiments.measure_difficulty`."""

    rungs: tuple[str, ...] = tuple(STEPS)
    """Steps of the ladder, by their names in experiments/agent/difficulty.py."""
    episodes: int = 200
    """Episodes of each step and each way of choosing views, the same for all ways."""
    renderer: str = DEFAULT_RENDERER
    """pybullet or raycast; they draw the same pictures."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Output folder; by default runs/measure_difficulty-<time>."""


def main(settings: MeasureDifficultySettings) -> None:
    """Play every step, print the table, write metrics.json."""
    from experiments.agent.environment import make_environment
    from experiments.agent.ideal.ladder import ideal_figures

    require_more_than_zero(settings, ("episodes",))
    for name in settings.rungs:
        if name not in STEPS:
            raise unknown_name("step", name, STEPS)
    check_renderer(settings.renderer, 8)
    use_threads_for_small_batches(settings.threads)
    folder = new_run_folder(settings.output, "measure_difficulty")
    save_settings(folder, settings)
    found: dict[str, Any] = {}
    for name in settings.rungs:
        given = {**STEPS[name], "observation": "state", "renderer": settings.renderer}
        environment = make_environment(ENV_ID, 1, given)
        figures = ideal_figures(environment, settings.episodes, settings.seed)
        found[name] = {"arguments": STEPS[name], "ideal": figures}
        environment.close()
        write_json(folder / "metrics.json", {"seed": settings.seed, "steps": found})
    print_steps(found)
    print(folder)


def print_steps(found: dict[str, Any]) -> None:
    """A row for each step."""
    columns = ("step", *(f"right after {n}" for n in COUNTED), "accuracy", "views needed")
    table = Table(*columns, title=f"ideal observer, {ENV_ID}")
    for name, step in found.items():
        ideal = step["ideal"][MOST_INFORMATIVE]
        right = (f"{ideal['right_after'][str(n)]:.3f}" for n in COUNTED)
        table.add_row(name, *right, f"{ideal['accuracy']:.3f}", f"{ideal['looks']:.2f}")
    console().print(table)


if __name__ == "__main__":
    run_command(main, MeasureDifficultySettings, __doc__)
