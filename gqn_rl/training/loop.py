"""The training loop: from a trainer and a stream of batches to a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.gqn.objective import Terms
from gqn_rl.training.batches import TensorViews
from gqn_rl.training.interruption import noted_interruption
from gqn_rl.training.run_logs import RunLog, run_logs
from gqn_rl.training.state import save_state
from gqn_rl.training.trainer import Trainer

LOG_EVERY = 50


class ValidationResult(NamedTuple):
    """Findings about the model in the midst of its training.

    Attributes:
        numbers: by name, logged and recorded.
        picture: uint8 (H, W, 3), logged.
    """

    numbers: dict[str, float]
    picture: NDArray[np.uint8]


Evaluate = Callable[[Trainer], ValidationResult]


@dataclass
class Averages:
    """Means of the bound's terms since they were last taken, kept on the device."""

    sums: torch.Tensor | None = None
    count: int = 0

    def add(self, terms: Terms) -> None:
        values = torch.stack(list(terms))
        self.sums = values if self.sums is None else self.sums + values
        self.count += 1

    def take(self, trainer: Trainer) -> dict[str, float]:
        """The means over steps and processes."""
        assert self.sums is not None
        means = trainer.group.mean(self.sums / self.count).tolist()
        self.sums, self.count = None, 0
        return dict(zip(Terms._fields, means, strict=True))


@dataclass
class Stretch:
    """The stretch of a run between a start or resumption and its end.

    Attributes:
        folder: where the run lies.
        trainer: what is trained.
        record: seconds of training and the curves of loss terms and evaluations, of the stretches
            before too.
        begin, counted: when it began, and how many of its seconds are in the record.
    """

    folder: Path
    trainer: Trainer
    record: dict[str, Any]
    begin: float = field(default_factory=time.monotonic)
    counted: float = 0.0
    logs: list[RunLog] = field(default_factory=list)
    bar: tqdm[None] | None = None

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begin

    def save(self) -> None:
        """The training state, unless a step has spoilt it."""
        self.trainer.require_finite()
        if self.trainer.group.leads:
            elapsed = self.elapsed
            self.record["seconds"] += elapsed - self.counted
            self.counted = elapsed
            save_state(self.folder, self.trainer, self.record)

    def say(self, numbers: dict[str, float]) -> None:
        """A line for a log, where the bar would be written over and over again."""
        if self.bar is not None and self.bar.disable:
            shown = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
            total, seconds = self.trainer.recipe.iterations, self.elapsed
            print(f"step {self.trainer.step:,} of {total:,}, {seconds:.0f} s: {shown}", flush=True)

    def log(self, means: dict[str, float]) -> None:
        step = self.trainer.step
        self.record["curve"].append({"step": step, "mse": means["mse"], "kl": means["kl"]})
        if self.bar is not None:
            self.bar.set_postfix(mse=f"{means['mse']:.5f}", kl=f"{means['kl']:.2f}")
        rate = self.trainer.recipe.learning_rate_at(step)
        named = {f"train/{name}": value for name, value in means.items()}
        for log in self.logs:
            log.scalars({**named, "train/learning_rate": rate}, step)

    def evaluate(self, evaluate: Evaluate) -> None:
        step = self.trainer.step
        found = evaluate(self.trainer)
        self.record["evaluations"].append({"step": step, **found.numbers})
        self.say(found.numbers)
        for log in self.logs:
            log.scalars({f"evaluation/{k}": value for k, value in found.numbers.items()}, step)
            log.image("evaluation/views", found.picture, step)


def train(
    trainer: Trainer,
    batches: Iterator[SceneViews | TensorViews],
    folder: Path,
    *,
    stop: int,
    time_limit: float | None = None,
    save_every: int = 500,
    record: dict[str, Any] | None = None,
    evaluate: Evaluate | None = None,
    evaluate_every: int = 1000,
    loggers: Sequence[str] = ("tensorboard",),
) -> dict[str, Any]:
    """Train until step `stop`, the time limit (seconds), Ctrl-C or SIGTERM; the state is saved.

    In a group all processes stop at the same step, and the first one writes and evaluates.

    Args:
        record: what earlier parts of the run left; the result continues it.
        evaluate: called every `evaluate_every` steps.
        loggers: see `gqn_rl.training.run_logs`.

    Returns:
        record: seconds of training and the curves of loss terms and evaluations.

    Raises:
        KeyboardInterrupt: after Ctrl-C or SIGTERM.
    """
    averages = Averages()
    record = dict(record or {"seconds": 0.0, "curve": [], "evaluations": []})
    logged = _stretch(folder, trainer, record, loggers)
    with logged as stretch, noted_interruption() as interrupted:
        while trainer.step < stop:
            if trainer.group.any(interrupted()):
                raise KeyboardInterrupt
            if time_limit is not None and trainer.group.any(stretch.elapsed >= time_limit):
                break
            averages.add(trainer.train_step(next(batches)))
            if stretch.bar is not None:
                stretch.bar.update()
            if trainer.step % LOG_EVERY == 0:
                stretch.log(averages.take(trainer))
            if trainer.step % evaluate_every == 0 and trainer.group.leads:
                if evaluate is not None:
                    stretch.evaluate(evaluate)
                elif record["curve"]:
                    stretch.say({name: record["curve"][-1][name] for name in ("mse", "kl")})
            if trainer.step % save_every == 0:
                stretch.save()
    return record


@contextmanager
def _stretch(
    folder: Path, trainer: Trainer, record: dict[str, Any], loggers: Sequence[str]
) -> Iterator[Stretch]:
    """Logs and progress bar; whatever ends the block, the state is saved."""
    stretch = Stretch(folder, trainer, record)
    if not trainer.group.leads:
        yield stretch
        return
    total = trainer.recipe.iterations
    with (
        run_logs(loggers, folder) as stretch.logs,
        tqdm(
            total=total,
            initial=trainer.step,
            unit="step",
            dynamic_ncols=True,
            disable=None,  # where nobody watches
        ) as stretch.bar,
    ):
        try:
            yield stretch
        finally:
            stretch.save()
