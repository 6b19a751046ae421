"""Pre-train a GQN on Shepard-Metzler scenes, rendered on the fly or read from disk.

Hypothesis: views written to and read from a lattice in the world leave the plateau of the
published architecture within minutes instead of days.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from experiments.command import new_run_folder, run_command, save_settings
from gqn_rl.data.shards import ShardBatches
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.devices import PRECISIONS, choose_device, has_fast_bf16
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path, save_checkpoint
from gqn_rl.gqn.config import LatticeConfig, preset
from gqn_rl.gqn.lattice_gqn import LatticeGQN
from gqn_rl.metrics import predict_queries, prediction_errors
from gqn_rl.rendering import make_renderer
from gqn_rl.training.loop import SyntheticBatches, stream, train
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.state import load_state, read_metadata
from gqn_rl.training.statistics import set_statistics
from gqn_rl.training.trainer import Trainer

EVALUATION_SCENES = 64
EVALUATION_SEED = 7_000_001
WEIGHTS = "model.safetensors"
READ_ANEW = ("resume", "time_limit", "device", "threads", "workers", "save_every")
"""Flags that count when a run is resumed: none of them changes what is computed."""


@dataclass(frozen=True)
class Settings:
    """Settings of `python -m experiments.pretrain_gqn`."""

    iterations: int = 12_000
    """Optimiser steps of the whole run; the learning rate and sigma schedules span them."""
    batch_size: int = 16
    """Scenes per step."""
    data_path: Path | None = None
    """Folder of shards from `python -m experiments.generate_dataset`; none: scenes are rendered on
    the fly."""
    model_path: Path = Path("runs")
    """Folder in which the run's own folder, named by the time, is made."""
    output: Path | None = None
    """The run's folder itself, instead of a new one under model_path."""
    resume: Path | None = None
    """Run folder to continue with its own settings; only time limit, device, threads, workers and
    save-every are read anew."""
    initial_weights: str | None = None
    """Shipped weights, a .safetensors file or a run folder to start from; none: random weights."""
    freeze_representation: bool = False
    """Train only prior, posterior and generator: agents on the representation stay valid."""
    preset: str = "small"
    """Sizes of the network, see gqn_rl.gqn.config.PRESETS."""
    num_views: int = 5
    """Views per scene; a random number of them is the context, the others are queries."""
    num_rays: int = 384
    """Query rays per scene."""
    learning_rate: float = 1.2e-3
    """Peak of the warm-up and cosine schedule."""
    free_fraction: float = 0.25
    """Share of scenes in free orientation, the others in grid orientation."""
    num_cubes: int = 7
    """Cubes per object."""
    renderer: str = "pybullet"
    """What draws the scenes: pybullet or raycast; they draw the same pictures."""
    precision: str = "auto"
    """auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    device: str = "auto"
    """auto, cpu, cuda or another PyTorch device."""
    threads: int = 0
    """CPU threads of PyTorch; 0 leaves its default."""
    workers: int = 0
    """Processes that render ahead; 0 renders in between the steps."""
    time_limit: float = 0.0
    """Minutes after which to stop and save; 0 for none."""
    save_every: int = 500
    """Steps between saved training states."""
    evaluate_every: int = 500
    """Steps between evaluations of the prior path on held-out shapes."""
    seed: int = 0
    """Of weights, scenes, rays and latents."""


def main(settings: Settings) -> None:
    if settings.resume is not None:
        settings = _settings_of(settings.resume, settings)
    _check(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    recipe = _recipe(settings)  # of a resumed run: the one it was started with
    batches = _batches(settings, recipe)
    evaluation = _Evaluation(settings)
    if settings.resume is None:
        folder, trainer, record = _start(settings, recipe, device)
    else:
        folder, trainer, record = _continue(settings, settings.resume, recipe, device)
    print(f"{folder}: step {trainer.step} of {recipe.iterations}, {_describe(trainer)}", flush=True)
    try:
        record = train(
            trainer,
            stream(batches, trainer.step, recipe.iterations, settings.workers),
            folder,
            stop=recipe.iterations,
            time_limit=60 * settings.time_limit or None,
            save_every=settings.save_every,
            record=record,
            evaluate=evaluation,
            evaluate_every=settings.evaluate_every,
        )
    except KeyboardInterrupt:
        print(f"stopped at step {trainer.step}; go on with --resume {folder}", file=sys.stderr)
        raise
    _finish(folder, trainer, record, settings)


def _settings_of(folder: Path, given: Settings) -> Settings:
    """The settings with which the run in `folder` was started, save for those read anew."""
    read_metadata(folder)  # a folder without a state fails here, with a better message
    path = folder / "settings.json"
    try:
        stored = dict(json.loads(path.read_text()))
        for name in ("data_path", "model_path", "output"):
            if stored.get(name) is not None:
                stored[name] = Path(stored[name])
        settings = Settings(**stored)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} does not hold the settings of a run: {error}") from error
    return replace(settings, **{name: getattr(given, name) for name in READ_ANEW})


def _check(settings: Settings) -> None:
    if settings.precision not in PRECISIONS:
        raise unknown_name("precision", settings.precision, PRECISIONS)
    least = {"save_every": 1, "evaluate_every": 1, "workers": 0, "threads": 0, "time_limit": 0}
    for name, value in (least | {"seed": 0}).items():
        if not getattr(settings, name) >= value:
            raise UserError(f"{name} is {getattr(settings, name)}, expected at least {value}")


def _recipe(settings: Settings) -> Recipe:
    if settings.resume is not None:
        return Recipe.from_dict(read_metadata(settings.resume)["recipe"], str(settings.resume))
    return Recipe(
        **{f.name: getattr(settings, f.name) for f in fields(Recipe) if hasattr(settings, f.name)}
    )


def _batches(settings: Settings, recipe: Recipe) -> Dataset[SceneViews]:
    """Training batches, from disk or rendered on the fly."""
    image_size = preset(settings.preset).image_size
    if settings.data_path is None:
        return SyntheticBatches(recipe, settings.num_cubes, settings.renderer, image_size)
    renderer = make_renderer(settings.renderer, image_size)
    renderer.close()
    batches = ShardBatches(
        settings.data_path,
        renderer.identity,
        batch_size=recipe.batch_size,
        num_views=recipe.num_views,
        num_batches=recipe.iterations,
        seed=recipe.seed,
    )
    expected = {"num_cubes": settings.num_cubes, "shapes": "train"}
    for name, value in expected.items():
        received = getattr(batches.description, name)
        if received != value:
            raise UserError(
                f"{str(settings.data_path)!r} was made with {name}={received!r}, "
                f"expected {value!r} as in the evaluation on held-out shapes"
            )
    return batches


def _start(
    settings: Settings, recipe: Recipe, device: torch.device
) -> tuple[Path, Trainer, dict[str, Any] | None]:
    model = _new_model(preset(settings.preset), recipe.seed, device)
    model.network.requires_grad_(not settings.freeze_representation)
    if settings.initial_weights is not None:
        _load_initial(model, settings.initial_weights)
    if settings.output is None:
        folder = new_run_folder(None, "pretrain_gqn", settings.model_path)
    else:
        folder = new_run_folder(settings.output, "pretrain_gqn")
    save_settings(folder, settings)
    return folder, Trainer(model, recipe, settings.precision), None


def _load_initial(model: LatticeGQN, name: str) -> None:
    """Copy weights into a new model; the optimiser and the schedules start anew."""
    path = pretrained_path(name)
    source, sidecar = load_checkpoint(path)
    if sidecar["config"] != model.config.to_dict():
        raise UserError(
            f"{path} has the configuration {sidecar['config']}, "
            f"but the preset has {model.config.to_dict()}"
        )
    model.load_state_dict(source.state_dict())


def _continue(
    settings: Settings, folder: Path, recipe: Recipe, device: torch.device
) -> tuple[Path, Trainer, dict[str, Any] | None]:
    stored = read_metadata(folder)
    model = _new_model(LatticeConfig.from_dict(stored["config"], str(folder)), recipe.seed, device)
    model.network.requires_grad_(not settings.freeze_representation)
    trainer = Trainer(model, recipe, settings.precision)
    load_state(folder, trainer)
    if trainer.step >= recipe.iterations and (folder / WEIGHTS).is_file():
        raise UserError(f"{folder} has already done its {recipe.iterations} iterations")
    return folder, trainer, stored["record"]


def _new_model(config: LatticeConfig, seed: int, device: torch.device) -> LatticeGQN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LatticeGQN(config)
    return model.to(device)


def _describe(trainer: Trainer) -> str:
    model = trainer.model
    count = sum(p.numel() for p in model.parameters())
    fast = "bf16" if has_fast_bf16(model.device) else "fp32"
    precision = fast if trainer.precision == "auto" else trainer.precision
    return f"{count / 1e6:.2f}M parameters on {model.device} in {precision}"


class _Evaluation:
    """Errors of the moving average on held-out shapes, 3 context views, both orientations."""

    def __init__(self, settings: Settings) -> None:
        renderer = make_renderer(settings.renderer, preset(settings.preset).image_size)
        rng = np.random.default_rng(EVALUATION_SEED)
        self.views = {}
        for name, free in (("grid", 0.0), ("free", 1.0)):
            distribution = SceneDistribution(settings.num_cubes, "test", free)
            scenes = distribution.sample(rng, EVALUATION_SCENES)
            self.views[name] = render_views(renderer, scenes, 4, rng)
        renderer.close()

    def __call__(self, trainer: Trainer) -> dict[str, float]:
        numbers: dict[str, float] = {}
        for name, views in self.views.items():
            generator = torch.Generator(trainer.model.device).manual_seed(EVALUATION_SEED)
            predicted = predict_queries(
                trainer.average, views, 3, generator=generator, precision=trainer.precision
            )
            errors = prediction_errors(predicted[0], views.images[:, -1])
            numbers |= {f"{name}_{key}": errors[key] for key in ("rmse", "mae")}
        return numbers


def _finish(folder: Path, trainer: Trainer, record: dict[str, Any], settings: Settings) -> None:
    """Weights with statistics and sidecar, and metrics.json."""
    renderer = make_renderer(settings.renderer, trainer.model.config.image_size)
    distribution = SceneDistribution(settings.num_cubes, "train", trainer.recipe.free_fraction)
    set_statistics(trainer.average, renderer, distribution, seed=trainer.recipe.seed)
    summary = {
        "step": trainer.step,
        "recipe": trainer.recipe.to_dict(),
        "num_cubes": settings.num_cubes,
        "data_path": None if settings.data_path is None else str(settings.data_path),
        "training_seconds": record["seconds"],
        "device": str(trainer.model.device),
    }
    save_checkpoint(
        folder / WEIGHTS,
        trainer.average,
        renderer=renderer.identity.to_dict(),
        record={"training": summary},
    )
    write_json(folder / "metrics.json", summary | {"record": record})
    print(f"weights: {folder / WEIGHTS}")


if __name__ == "__main__":
    run_command(main, Settings, __doc__)
