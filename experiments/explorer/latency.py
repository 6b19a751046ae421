"""The time that the server takes for each small action of the page.

What is timed is all that the server computes: the action, the networks, and the pictures and
figures as the page receives them; not what the browser and the connection to it take.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from rich.table import Table

from experiments.explorer import exploring
from experiments.explorer.exploring import Exploration, Workshop
from experiments.explorer.page import pictures
from experiments.explorer.rotation_test import PICTURE_SIZE, Test
from experiments.explorer.scenes import Studio
from experiments.explorer.watching import Watched, watchable_agents
from experiments.shared.command import new_run_folder
from experiments.shared.machine import describe_machine
from experiments.shared.terminal import console
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import shipped_names

LIMIT = 300.0
"""Milliseconds within which a small action is to be answered."""
VIEWS = 3
"""Taken before the actions that do not add one are timed."""
TURN = 50.0
"""Degrees from one camera to the next."""
Action = Callable[[], object]


def measure_actions(seed: int, rounds: int, output: Path | None) -> None:
    """Time every small action, print a table, write metrics.json."""
    folder = new_run_folder(output, "explore")
    machine = describe_machine(torch.device("cpu"), 0)
    actions: dict[str, Action] = {}
    for weights in shipped_names():
        actions |= _exploring_actions(weights, seed)
    watched = _watching_actions(seed)
    actions |= watched | _playing_actions(seed)
    measured = {
        name: time_action(action, rounds)
        for name, action in track(actions.items(), "measuring", total=len(actions))
    }
    write_json(
        folder / "metrics.json",
        {"limit_ms": LIMIT, "rounds": rounds, "machine": machine, "actions": measured},
    )
    print_table(measured)
    print(folder)


def time_action(action: Action, rounds: int) -> dict[str, Any]:
    """Milliseconds of `rounds` calls after one that is not counted.

    Returns:
        medians of the time on the clock and of the processor time of all threads, and the largest
        of the former. The clock is what a person waits for; on a machine that is busy with other
        things the processor time says what it would be there without them.
    """
    action()
    clock, processor = [], []
    for _ in range(rounds):
        begun, used = time.perf_counter(), time.process_time()
        action()
        clock.append(1e3 * (time.perf_counter() - begun))
        processor.append(1e3 * (time.process_time() - used))
    return {
        "median_ms": float(np.median(clock)),
        "largest_ms": max(clock),
        "processor_median_ms": float(np.median(processor)),
    }


def print_table(measured: dict[str, dict[str, Any]]) -> None:
    table = Table("action", "median, ms", "largest, ms", "processor time, ms")
    for name, row in measured.items():
        numbers = [row[key] for key in ("median_ms", "largest_ms", "processor_median_ms")]
        table.add_row(name, *(f"{number:.0f}" for number in numbers))
    console().print(table)


class _Walk:
    """A camera that goes round the object, one look or one step at a time."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.start = exploring.begin(workshop)
        for _ in range(VIEWS):
            self.start = exploring.look(workshop, self._onwards(self.start))
        self.now = self.start

    def _onwards(self, now: Exploration) -> Exploration:
        azimuth, elevation = now.camera
        return exploring.move(now, (azimuth + TURN + 180) % 360 - 180, -elevation)

    def show(self, now: Exploration) -> None:
        pictures.exploration_parts(now)
        pictures.camera_parts(self.workshop, now)

    def look(self) -> None:
        self.show(exploring.look(self.workshop, self._onwards(self.start)))

    def move(self) -> None:
        self.now = self._onwards(self.now)
        pictures.camera_parts(self.workshop, self.now)

    def held_out(self) -> None:
        self.now = exploring.show_held_out(self.workshop, self.now)
        self.show(self.now)


def _exploring_actions(weights: str, seed: int) -> dict[str, Action]:
    walk = _Walk(Workshop(weights, seed))
    return {
        f"{weights}: look from here": walk.look,
        f"{weights}: move the camera": walk.move,
        f"{weights}: another object": walk.held_out,
        f"{weights}: nearest shapes": lambda: pictures.nearest_part(walk.workshop, walk.start),
    }


def _watching_actions(seed: int) -> dict[str, Action]:
    def stepping(watched: Watched) -> Action:
        def step() -> None:
            watched_now = watched.begin() if watched.is_over else watched.step()
            pictures.episode_parts(watched_now, watched.answers)

        return step

    agents = watchable_agents()
    opened = {name: Watched.open(name, agents, seed) for name in agents}
    for watched in opened.values():
        watched.begin()
    return {f"{name}: step": stepping(watched) for name, watched in opened.items()}


def _playing_actions(seed: int) -> dict[str, Action]:
    studio, tests = Studio(PICTURE_SIZE), [Test(seed)]

    def ask() -> None:
        tests.append(tests[-1].ask(studio))
        pictures.pair_part(tests[-1])
        tests.append(tests[-1].answer(False, 1.0))

    return {"next pair": ask, "answer": lambda: pictures.score_part(tests[-1], None)}
