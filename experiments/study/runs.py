"""One run, from nothing to the file with its result; and all of them, skipping what is there."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from agents.training.callbacks import EvaluationCallback
from experiments.shared import seeds
from experiments.shared.allocator import keep_freed_memory
from experiments.shared.machine import describe_machine
from experiments.shared.parallel import processes
from experiments.study.clock import Clock, EndWithParent, StartClock, StopClock, StopWhenReached
from experiments.study.plan import (
    CAMERAS,
    SUBJECTS,
    THRESHOLDS,
    Conditions,
    Run,
    first_difference,
)
from experiments.study.subjects import make_trainee
from gqn_rl.errors import UserError
from gqn_rl.files import visible_files, write_json

FOLDER = "runs"
KEYS = (
    *("name", "agent", "camera", "seed", "conditions", "curve", "stopped_early"),
    *("encoder", "parameters", "machine"),
)
ROW_KEYS = ("timesteps", "seconds", "cpu_seconds", "accuracy", "looks")

Result = dict[str, Any]


def perform(run: Run, threads: int = 1) -> Result:
    """Train one agent.

    Args:
        threads: of PyTorch.

    Returns:
        name, agent, camera, seed and conditions of the run; `curve`, a row for each evaluation
        with timesteps, seconds and cpu_seconds of training until then, accuracy, looks and reward
        with their intervals; `stopped_early`, whether it ended because it had reached the highest
        threshold; `encoder`, `parameters` and `machine`.
    """
    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    trainee = make_trainee(run)
    try:
        curve, stopped_early = learn(run, trainee.model, trainee.held_out)
    finally:
        trainee.close()
        torch.set_num_threads(before)
    return {
        "name": run.name,
        "agent": run.agent,
        "camera": run.camera,
        "seed": run.seed,
        "conditions": run.conditions.to_json(),
        "encoder": trainee.encoder,
        "parameters": sum(weights.numel() for weights in trainee.model.policy.parameters()),
        "stopped_early": stopped_early,
        "curve": curve,
        "machine": describe_machine(torch.device("cpu"), threads),
    }


def learn(run: Run, model: Any, held_out: Any) -> tuple[list[dict[str, Any]], bool]:
    """The curve of a training, and whether it ended early."""
    conditions, clock = run.conditions, Clock()
    evaluations = EvaluationCallback(
        held_out,
        conditions.eval_every,
        conditions.eval_episodes,
        run.first_row_seed + seeds.STUDY_EVALUATION,
        lambda best, evaluation: None,
    )
    stop = StopWhenReached(evaluations, max(THRESHOLDS), conditions.stop_after)
    callbacks = [StopClock(clock), evaluations, stop, EndWithParent(), StartClock(clock)]
    model.learn(conditions.timesteps, callback=callbacks)
    rows = evaluations.curve
    if stop.reached:
        rows = rows[:-1]  # the agent of the row before, once more
    timed = []
    for row in rows:
        seconds, cpu_seconds = clock.readings[row["timesteps"]]
        timed.append({**row, "seconds": seconds, "cpu_seconds": cpu_seconds})
    return timed, stop.reached


def perform_and_save(folder: Path, threads: int, run: Run) -> Path:
    """The file with the result, when it is there in one piece."""
    path = path_of(folder, run)
    write_json(path, perform(run, threads))
    return path


def path_of(folder: Path, run: Run) -> Path:
    return folder / FOLDER / f"{run.name}.json"


def perform_missing(
    folder: Path,
    runs: Sequence[Run],
    jobs: int | None,
    on_run: Callable[[Path], object],
    threads: int = 1,
) -> None:
    """Do the runs that have no result yet.

    Args:
        jobs: processes; see `experiments.shared.parallel.processes`.
        on_run: called with the file of each run that is done.
        threads: of PyTorch for each run.

    Raises:
        UserError: for a run that cannot be done, or when a process is killed.
    """
    missing = [run for run in runs if not path_of(folder, run).exists()]
    with processes(jobs, len(missing)) as work:
        try:
            for path in work(partial(perform_and_save, folder, threads), missing):
                on_run(path)
        except KeyboardInterrupt:
            # A run may take an hour, and what it has so far cannot be used.
            for child in multiprocessing.active_children():
                child.terminate()
            raise


def results(folder: Path) -> list[Result]:
    """All results in a study's folder, by name.

    Raises:
        UserError: for no results, a file that is none, or results under different conditions.
    """
    paths = visible_files(folder / FOLDER, "*.json")
    if not paths:
        raise UserError(f"{str(folder)!r} holds no results of a study (no {FOLDER}/*.json)")
    found = [read_result(path) for path in paths]
    for path, result in zip(paths, found, strict=True):
        require_same(found[0]["conditions"], result["conditions"], str(paths[0]), repr(str(path)))
    return found


def require_conditions(folder: Path, conditions: Conditions) -> None:
    """Refuse to add runs under these conditions to a folder that has some under others.

    Raises:
        UserError: naming the first difference and both values.
    """
    if visible_files(folder / FOLDER, "*.json"):
        there = results(folder)[0]["conditions"]
        require_same(
            there, conditions.to_json(), str(folder), "this study; choose another --output"
        )


def require_same(there: Result, wanted: Result, mine: str, other: str) -> None:
    difference = first_difference(there, wanted)
    if difference is not None:
        name, here, now = difference
        raise UserError(
            f"runs under different conditions: {name} is {here!r} in {mine!r}, but {now!r} in "
            f"{other}"
        )


def read_result(path: Path) -> Result:
    """A result from its file.

    Raises:
        UserError: for a file that cannot be read or is no result.
    """
    try:
        content = json.loads(path.read_text())
        absent = [key for key in KEYS if key not in content]
        absent += [key for row in content["curve"] for key in ROW_KEYS if key not in row]
        known = content["agent"] in SUBJECTS and content["camera"] in CAMERAS
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{str(path)!r} is no result of a study: {reason}") from error
    if absent or not known or not content["curve"]:
        lacking = sorted(set(absent)) or "a known agent and camera and a curve"
        raise UserError(f"{str(path)!r} is no result of a study: it lacks {lacking}")
    result: Result = content
    return result
