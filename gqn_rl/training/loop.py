"""From a trainer and a stream of batches to a run folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, synthetic_batch
from gqn_rl.gqn.objective import Terms
from gqn_rl.rendering import Renderer, make_renderer
from gqn_rl.training.interruption import postponed_interruption
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.state import save_state
from gqn_rl.training.trainer import Trainer

LOG_EVERY = 50


class SyntheticBatches(Dataset[SceneViews]):
    """Batch number k of a recipe as item k, for loading in worker processes."""

    def __init__(self, recipe: Recipe, num_cubes: int, renderer: str, image_size: int) -> None:
        self.recipe = recipe
        self.distribution = SceneDistribution(num_cubes, "train", recipe.free_fraction)
        self.renderer_name, self.image_size = renderer, image_size
        self._renderer: Renderer | None = None

    def __len__(self) -> int:
        return self.recipe.iterations

    def __getitem__(self, index: int) -> SceneViews:
        # Made on first use, so that every worker process has a renderer of its own.
        self._renderer = self._renderer or make_renderer(self.renderer_name, self.image_size)
        return synthetic_batch(
            self._renderer,
            self.distribution,
            seed=self.recipe.seed,
            index=index,
            batch_size=self.recipe.batch_size,
            num_views=self.recipe.num_views,
        )


def stream(
    batches: Dataset[SceneViews], start: int, stop: int, workers: int
) -> Iterator[SceneViews]:
    """Items start, start + 1, ..., stop - 1 in this order, however many workers load them."""
    return iter(
        DataLoader(batches, batch_size=None, sampler=range(start, stop), num_workers=workers)
    )


@dataclass
class Averages:
    """Means of the bound's terms since they were last taken, kept on the device."""

    sums: torch.Tensor | None = None
    count: int = 0

    def add(self, terms: Terms) -> None:
        values = torch.stack(list(terms))
        self.sums = values if self.sums is None else self.sums + values
        self.count += 1

    def take(self) -> dict[str, float]:
        assert self.sums is not None
        means = dict(zip(Terms._fields, (self.sums / self.count).tolist(), strict=True))
        self.sums, self.count = None, 0
        return means


def train(
    trainer: Trainer,
    batches: Iterator[SceneViews],
    folder: Path,
    *,
    stop: int,
    time_limit: float | None = None,
    save_every: int = 500,
    record: dict[str, Any] | None = None,
    evaluate: Callable[[Trainer], dict[str, float]] | None = None,
    evaluate_every: int = 1000,
) -> dict[str, Any]:
    """Train until step `stop`, the time limit (seconds) or Ctrl-C; the state is saved at the end.

    Args:
        record: what earlier parts of the run left; the result continues it.
        evaluate: called every `evaluate_every` steps, its numbers are logged and recorded.

    Returns:
        record: seconds of training and the curves of loss terms and evaluations.
    """
    record = dict(record or {"seconds": 0.0, "curve": [], "evaluations": []})
    averages = Averages()
    with _session(folder, trainer, record) as (writer, bar, elapsed):
        while trainer.step < stop and (time_limit is None or elapsed() < time_limit):
            batch = next(batches)
            with postponed_interruption():  # or the saved state would be in between two steps
                terms = trainer.train_step(batch)
            averages.add(terms)
            bar.update()
            if trainer.step % LOG_EVERY == 0:
                _log(writer, bar, record, trainer, averages.take())
            if evaluate is not None and trainer.step % evaluate_every == 0:
                numbers = evaluate(trainer)
                record["evaluations"].append({"step": trainer.step, **numbers})
                for name, value in numbers.items():
                    writer.add_scalar(f"evaluation/{name}", value, trainer.step)
            if trainer.step % save_every == 0:
                save_state(folder, trainer, record | {"seconds": record["seconds"] + elapsed()})
    return record


@contextmanager
def _session(
    folder: Path, trainer: Trainer, record: dict[str, Any]
) -> Iterator[tuple[SummaryWriter, tqdm[None], Callable[[], float]]]:
    """Logs and progress bar; whatever ends the block, the state is saved."""
    begin = time.monotonic()

    def elapsed() -> float:
        return time.monotonic() - begin

    total = trainer.recipe.iterations
    with (
        SummaryWriter(str(folder / "tensorboard")) as writer,
        tqdm(total=total, initial=trainer.step, unit="step", dynamic_ncols=True) as bar,
    ):
        try:
            yield writer, bar, elapsed
        finally:
            record["seconds"] += elapsed()
            save_state(folder, trainer, record)


def _log(
    writer: SummaryWriter,
    bar: tqdm[None],
    record: dict[str, Any],
    trainer: Trainer,
    means: dict[str, float],
) -> None:
    record["curve"].append({"step": trainer.step, "mse": means["mse"], "kl": means["kl"]})
    bar.set_postfix(mse=f"{means['mse']:.5f}", kl=f"{means['kl']:.2f}")
    for name, value in means.items():
        writer.add_scalar(f"train/{name}", value, trainer.step)
    writer.add_scalar("train/sigma", trainer.sigma, trainer.step)
