"""Compare how fast agents learn from a scene representation, from pixels and from controls.

Every run of the study leaves a file with its raw results; the report, report.html, needs no other
file and is made from them. A run that has its file is not done again: the same command goes on
where it was interrupted, and adds runs to a finished study when it asks for more seeds, agents or
cameras.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from experiments.shared.command import (
    make_folder,
    require_at_least,
    require_more_than_zero,
    run_command,
)
from experiments.shared.parallel import check_workers
from experiments.shared.terminal import console
from experiments.shared.threads import check_threads
from experiments.study.plan import (
    ENV_ID,
    FULL,
    LABELS,
    SUBJECTS,
    SUBSET,
    Conditions,
    Run,
    planned,
    study_hyperparameters,
)
from gqn_rl.errors import UserError
from gqn_rl.files import write_json, write_text
from gqn_rl.rendering import DEFAULT_RENDERER

STUDY = "study.json"
NOT_IN_COMMAND = ("output", "report_only", "jobs", "threads")
"""Flags without influence on the results."""


@dataclass(frozen=True)
class CompareObservationsSettings:
    """Flags of `python -m experiments.compare_observations`."""

    full: bool = False
    """The full study: both cameras, five seeds, more steps. It takes hours of processor time."""
    report_only: Path | None = None
    """Folder of a study: make its report from the results that are there, and train nothing."""
    output: Path | None = None
    """Folder of the study, continued if it has begun; by default runs/compare_observations, with
    --full runs/compare_observations-full."""
    jobs: int | None = None
    """Processes that train, one run each; None for one per core, 0 to train in this one."""
    threads: int = 0
    """CPU threads of PyTorch for each run; 0 for one."""
    agents: tuple[str, ...] = tuple(SUBJECTS)
    """Which agents: representation, representation-unturned, pixels-stack, pixels-recurrent,
    random-tower, state."""
    cameras: tuple[str, ...] | None = None
    """moving (the agent chooses), fixed (a schedule does) or both; by default moving, with --full
    both."""
    seeds: int | None = None
    """Runs of each agent with each camera; by default 3, with --full 5."""
    seed: int = 0
    """The first seed; the others follow."""
    total_timesteps: int | None = None
    """Environment steps of a run; by default 6,144, with --full 16,384."""
    eval_every: int | None = None
    """Environment steps between evaluations; by default 512."""
    eval_episodes: int | None = None
    """Episodes of each evaluation; by default 128, with --full 128 too."""
    stop_after: int = 3
    """A run ends early once so many evaluations running reached the highest accuracy, 0.9; 0 for
    never."""
    supervision: str = LABELS
    """What tells answers apart: labels, or none, where each agent learns from the rewards of its
    own answers alone."""
    plain_ppo: bool = False
    """PPO without a loss of its own for the answers; they are actions like the others."""
    encoder: str = "cells"
    """The trained encoder: a name or the path of a checkpoint."""
    renderer: str = DEFAULT_RENDERER
    """pybullet or raycast."""
    gallery_size: int | None = None
    """How many shapes there are to tell apart; by default the environment's (10)."""
    shapes: str | None = None
    """train, or test for shapes unseen by the GQN; by default the environment's (train)."""


def main(settings: CompareObservationsSettings) -> None:
    """Do the runs that are missing, write the report."""
    from experiments.study.runs import require_conditions

    if settings.report_only is not None:
        write_report(settings.report_only)
        return
    check_numbers(settings)
    runs = plan(settings)
    folder = settings.output or default_folder(settings)
    require_study_folder(folder)
    require_conditions(folder, runs[0].conditions)
    make_folder("output folder", folder)
    write_json(folder / STUDY, {"command": command(settings), "planned": [r.name for r in runs]})
    train(folder, runs, settings.jobs, settings.threads or 1)
    write_report(folder)


def plan(settings: CompareObservationsSettings) -> list[Run]:
    """The runs that the flags ask for; what cannot be built is refused here."""
    scale = FULL if settings.full else SUBSET
    names = ("renderer", "gallery_size", "shapes")
    given = {name: getattr(settings, name) for name in names}
    env_kwargs = {key: value for key, value in given.items() if value is not None}
    cameras = scale.cameras if settings.cameras is None else settings.cameras
    seeds = range(settings.seed, settings.seed + (settings.seeds or scale.seeds))
    conditions = Conditions(
        timesteps=settings.total_timesteps or scale.timesteps,
        eval_every=settings.eval_every or scale.eval_every,
        eval_episodes=settings.eval_episodes or scale.eval_episodes,
        stop_after=settings.stop_after,
        plain_ppo=settings.plain_ppo,
        hyperparameters=study_hyperparameters(settings.plain_ppo, settings.supervision),
        env_kwargs=env_kwargs,
        encoder=settings.encoder,
        encoder_sha256=weights_of(settings.encoder, env_kwargs),
    )
    return planned(settings.agents, cameras, seeds, conditions)


def weights_of(encoder: str, env_kwargs: dict[str, Any]) -> str:
    """SHA-256 of the encoder's weights, from an environment that is built to try the arguments."""
    from experiments.agent.environment import make_environment
    from experiments.study.subjects import DEVICE

    environment = make_environment(ENV_ID, 1, {**env_kwargs, "encoder": encoder}, device=DEVICE)
    environment.close()
    assert environment.encoder is not None
    return str(environment.encoder["sha256"])


def check_numbers(settings: CompareObservationsSettings) -> None:
    """Refuse counts that are not positive."""
    counts = ("seeds", "total_timesteps", "eval_every", "eval_episodes")
    require_more_than_zero(settings, counts)
    require_at_least(settings, {"seed": 0, "stop_after": 0})
    check_threads(settings.threads)
    check_workers(settings.jobs)


def default_folder(settings: CompareObservationsSettings) -> Path:
    """One and the same for the same study, so that the same command goes on."""
    return Path("runs") / ("compare_observations" + ("-full" if settings.full else ""))


def require_study_folder(folder: Path) -> None:
    """Refuse a folder with anything else in it."""
    begun = (folder / STUDY).exists()
    if folder.exists() and not begun and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"output folder {str(folder)!r} exists and holds no study")


def command(settings: CompareObservationsSettings) -> str:
    """What to type for the same results."""
    words = ["python", "-m", "experiments.compare_observations"]
    for field in fields(settings):
        value = getattr(settings, field.name)
        if value == field.default or field.name in NOT_IN_COMMAND:
            continue
        flag = f"--{field.name.replace('_', '-')}"
        values = value if isinstance(value, tuple) else (value,)
        words += [flag] if value is True else [flag, *map(str, values)]
    return shlex.join(words)


def train(folder: Path, runs: Sequence[Run], jobs: int | None, threads: int) -> None:
    """Do what is missing, with a bar and a line for each run."""
    from experiments.study.runs import path_of, perform_missing, read_result

    done = sum(path_of(folder, run).exists() for run in runs)
    columns = (TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("runs", total=len(runs), completed=done)

        def on_run(path: Path) -> None:
            bar.advance(task)
            bar.console.print(describe(read_result(path)), highlight=False)

        perform_missing(folder, runs, jobs, on_run, threads)


def describe(run: dict[str, Any]) -> str:
    last = run["curve"][-1]
    return (
        f"{run['name']}: accuracy {last['accuracy']:.2f} after {last['timesteps']:,} steps, "
        f"{last['seconds']:.0f} s of training"
    )


def write_report(folder: Path) -> None:
    """summary.json, learning_curves.svg and report.html from the results in the folder."""
    from experiments.study.figures import learning_curves
    from experiments.study.report import finding, html
    from experiments.study.runs import results
    from experiments.study.summary import BEST_PIXELS, summarise

    found = results(folder)
    summary = summarise(found)
    write_json(folder / "summary.json", summary)
    write_text(folder / "learning_curves.svg", learning_curves(summary))
    write_text(folder / "report.html", html(summary, found, read_study(folder)))
    for camera, ratios in summary["ratios"].items():
        if BEST_PIXELS in ratios:
            for threshold in summary["thresholds"]:
                console().print(finding(summary, camera, threshold), highlight=False)
    print(folder / "report.html")


def read_study(folder: Path) -> dict[str, Any]:
    """The command of a study and its planned runs."""
    path = folder / STUDY
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return {"command": str(content["command"]), "planned": list(content["planned"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{str(path)!r} does not describe a study: {reason}") from error


if __name__ == "__main__":
    run_command(main, CompareObservationsSettings, __doc__)
