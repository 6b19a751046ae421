"""Pre-train a GQN on Shepard-Metzler scenes, rendered on the fly or read from disk.

Hypothesis: views written to and read from a lattice in the world leave the plateau of the
published architecture within minutes instead of days.

`torchrun --nproc-per-node N -m experiments.pretrain_gqn ...` shares every batch among N processes.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from experiments.command import new_run_folder, run_command, save_settings
from experiments.pretraining import Data, DataFlags, open_data, save_picture
from gqn_rl.devices import PRECISIONS, choose_device, has_fast_bf16
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path, save_checkpoint
from gqn_rl.gqn.families import build, config_from_dict, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.training.group import Group, joined_group
from gqn_rl.training.loop import train
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.recipe import recipe as named_recipe
from gqn_rl.training.state import load_state, read_metadata
from gqn_rl.training.statistics import set_statistics
from gqn_rl.training.trainer import Trainer

WEIGHTS = "model.safetensors"
READ_ANEW = (
    "resume",
    "time_limit",
    "device",
    "threads",
    "workers",
    "save_every",
    "compile",
)
"""Flags that count when a run is resumed: none of them changes what is computed."""


@dataclass(frozen=True)
class Settings(DataFlags):
    """Settings of `python -m experiments.pretrain_gqn`; None leaves a number to the recipe."""

    preset: str = "small"
    """Architecture and sizes of the network, see gqn_rl.gqn.families.PRESETS."""
    recipe: str = "modern"
    """Optimiser, schedules and objective: modern, or published for the paper's own."""
    iterations: int | None = None
    """Optimiser steps of the whole run; the modern schedules span them."""
    batch_size: int | None = None
    """Scenes per step, over all processes."""
    model_path: Path = Path("runs")
    """Folder in which the run's own folder, named by the time, is made."""
    output: Path | None = None
    """The run's folder itself, instead of a new one under model_path."""
    resume: Path | None = None
    """Run folder to continue with its own settings; only time limit, device, threads, workers,
    save-every and compile are read anew."""
    initial_weights: str | None = None
    """Shipped weights, a .safetensors file or a run folder to start from; none: random weights."""
    freeze_representation: bool = False
    """Train only prior, posterior and generator: agents on the representation stay valid."""
    num_views: int | None = None
    """Views per scene; a random number of them is the context, the others are queries."""
    num_rays: int | None = None
    """Query rays per scene, for networks that draw single pixels."""
    num_queries: int | None = None
    """Query views per scene, for networks that draw whole images."""
    learning_rate: float | None = None
    """Its peak."""
    warmup: int | None = None
    """Steps of warm-up."""
    sigma_start: float | None = None
    """Standard deviation of the pixels at the start."""
    sigma_end: float | None = None
    """Standard deviation of the pixels at the end."""
    sigma_schedule: str | None = None
    """geometric, linear or optimal."""
    prior_share: float | None = None
    """Share of scenes whose latent is drawn from the prior."""
    ema_decay: float | None = None
    """Of the moving average of the weights; 0: the weights themselves are evaluated and kept."""
    free_fraction: float | None = None
    """Share of scenes in free orientation, the others in grid orientation."""
    precision: str = "auto"
    """auto, bf16 or fp32; auto is bf16 where the processor computes it faster."""
    device: str = "auto"
    """auto, cpu, cuda or another PyTorch device."""
    compile: bool = False
    """Compile the network; takes minutes and pays off on a GPU."""
    threads: int = 0
    """CPU threads of PyTorch; 0 leaves its default."""
    time_limit: float = 0.0
    """Minutes after which to stop and save; 0 for none."""
    save_every: int = 500
    """Steps between saved training states."""
    evaluate_every: int = 500
    """Steps between evaluations of the prior path on held-out scenes."""
    seed: int = 0
    """Of weights, scenes, rays and latents."""


def main(settings: Settings) -> None:
    if settings.resume is not None:
        settings = _settings_of(settings.resume, settings)
    _check(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = choose_device(settings.device)
    with joined_group(device.type) as group:
        _pretrain(settings, device, group)


def _pretrain(settings: Settings, device: torch.device, group: Group) -> None:
    recipe = _recipe(settings)  # of a resumed run: the one it was started with
    data = open_data(settings, preset(settings.preset).image_size, recipe, device, group)
    if settings.resume is None:
        model = _new_model(settings, data.image_size, device)
        folder = Path(group.share(str(_new_folder(settings) if group.leads else "")))
        trainer = _trainer(model, settings, recipe, group)
        record = None
    else:
        folder = settings.resume
        trainer, record = _continue(settings, folder, recipe, device, group)
    if group.leads:
        print(f"{folder}: step {trainer.step} of {recipe.iterations}, {_describe(trainer)}")
    try:
        record = train(
            trainer,
            data.stream(trainer.step, recipe.iterations),
            folder,
            stop=recipe.iterations,
            time_limit=60 * settings.time_limit or None,
            save_every=settings.save_every,
            record=record,
            evaluate=data.evaluate,
            evaluate_every=settings.evaluate_every,
        )
    except KeyboardInterrupt:
        if group.leads:
            print(f"stopped at step {trainer.step}; go on with --resume {folder}", file=sys.stderr)
        raise
    if group.leads:
        _finish(folder, trainer, record, settings, data)


def _settings_of(folder: Path, given: Settings) -> Settings:
    """The settings with which the run in `folder` was started, save for those read anew."""
    read_metadata(folder)  # a folder without a state fails here, with a better message
    path = folder / "settings.json"
    try:
        stored = dict(json.loads(path.read_text()))
        for name in ("data_path", "evaluation_path", "model_path", "output"):
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
    if settings.evaluation_path is not None and settings.data_path is None:
        raise UserError("evaluation_path goes with data_path: rendered scenes evaluate themselves")
    preset(settings.preset)


def _recipe(settings: Settings) -> Recipe:
    if settings.resume is not None:
        return Recipe.from_dict(read_metadata(settings.resume)["recipe"], str(settings.resume))
    names = {field.name for field in fields(Recipe)} & {field.name for field in fields(Settings)}
    return named_recipe(settings.recipe, **{name: getattr(settings, name) for name in names})


def _new_folder(settings: Settings) -> Path:
    if settings.output is None:
        folder = new_run_folder(None, "pretrain_gqn", settings.model_path)
    else:
        folder = new_run_folder(settings.output, "pretrain_gqn")
    save_settings(folder, settings)
    return folder


def _new_model(settings: Settings, image_size: int, device: torch.device) -> GenerativeQueryNetwork:
    model = build(replace(preset(settings.preset), image_size=image_size), settings.seed)
    if settings.initial_weights is not None:
        _load_initial(model, settings.initial_weights)
    return model.to(device)


def _load_initial(model: GenerativeQueryNetwork, name: str) -> None:
    """Copy weights into a new model; the optimiser and the schedules start anew."""
    path = pretrained_path(name)
    source, sidecar = load_checkpoint(path)
    if sidecar["config"] != model.config.to_dict():
        raise UserError(
            f"{path} has the configuration {sidecar['config']}, "
            f"but the preset has {model.config.to_dict()}"
        )
    model.load_state_dict(source.state_dict())


def _trainer(
    model: GenerativeQueryNetwork, settings: Settings, recipe: Recipe, group: Group
) -> Trainer:
    for parameter in model.representation_parameters():
        parameter.requires_grad_(not settings.freeze_representation)
    return Trainer(model, recipe, settings.precision, group, settings.compile)


def _continue(
    settings: Settings, folder: Path, recipe: Recipe, device: torch.device, group: Group
) -> tuple[Trainer, dict[str, Any]]:
    stored = read_metadata(folder)
    config = config_from_dict(stored["family"], stored["config"], str(folder))
    trainer = _trainer(build(config, recipe.seed).to(device), settings, recipe, group)
    load_state(folder, trainer)
    if trainer.step >= recipe.iterations and (folder / WEIGHTS).is_file():
        raise UserError(f"{folder} has already done its {recipe.iterations} iterations")
    return trainer, stored["record"]


def _describe(trainer: Trainer) -> str:
    model = trainer.model
    count = sum(p.numel() for p in model.parameters())
    fast = "bf16" if has_fast_bf16(model.device) else "fp32"
    precision = fast if trainer.precision == "auto" else trainer.precision
    processes = f", {trainer.group.size} processes" if trainer.group.size > 1 else ""
    return f"{count / 1e6:.2f}M parameters on {model.device} in {precision}{processes}"


def _finish(
    folder: Path, trainer: Trainer, record: dict[str, Any], settings: Settings, data: Data
) -> None:
    """Weights with statistics and sidecar, metrics.json, and a picture of held-out views."""
    set_statistics(trainer.average, data.examples())
    summary = {
        "step": trainer.step,
        "recipe": trainer.recipe.to_dict(),
        "num_cubes": settings.num_cubes,
        "data_path": None if settings.data_path is None else str(settings.data_path),
        "training_seconds": record["seconds"],
        "device": str(trainer.model.device),
        "processes": trainer.group.size,
    }
    save_checkpoint(
        folder / WEIGHTS,
        trainer.average,
        renderer=data.renderer,
        camera=data.camera,
        record={"training": summary},
    )
    write_json(folder / "metrics.json", summary | {"record": record})
    if data.evaluate is not None:
        save_picture(folder / "held_out_views.png", data.evaluate(trainer).picture)
    print(f"weights: {folder / WEIGHTS}")


if __name__ == "__main__":
    run_command(main, Settings, __doc__)
