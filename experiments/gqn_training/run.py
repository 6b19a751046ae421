"""A pretraining: begun or gone on with, trained, and written down."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from experiments.gqn.pretraining import Data, open_data, save_picture
from experiments.gqn_training.settings import Settings
from experiments.shared.command import new_run_folder, require_at_least, save_settings
from experiments.shared.continuation import (
    METRICS_NAME,
    Run,
    find_run,
    limit_line,
    say_how_to_go_on,
)
from experiments.shared.threads import use_threads
from gqn_rl.devices import PRECISIONS, choose_device, has_fast_bf16, require_compiler
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.files import write_json
from gqn_rl.gqn.checkpoint import pretrained_path, read_sidecar, read_weights, save_checkpoint
from gqn_rl.gqn.families import build, config_from_dict, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.training.group import Group, allowed_restarts, joined_group
from gqn_rl.training.loop import train
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.recipe import recipe as named_recipe
from gqn_rl.training.run_logs import check_loggers
from gqn_rl.training.statistics import set_statistics
from gqn_rl.training.trainer import Trainer

WEIGHTS = "model.safetensors"


def pretrain_gqn(settings: Settings) -> None:
    """Check the flags, then train; in a group of processes each with its share of every batch."""
    _check(settings)
    use_threads(settings.threads)
    device = choose_device(settings.device)
    with joined_group(device.type) as group:
        _pretrain(settings, device, group)


def _pretrain(given: Settings, device: torch.device, group: Group) -> None:
    # Found once, so that all go on from the same step, whatever their hosts see of the folder.
    run = group.from_first(lambda: find_run(given))
    settings, recipe = run.settings, _recipe(run)
    if run.done:
        _report_done(run, recipe, group)
        return
    data = open_data(settings, preset(settings.preset).image_size, recipe, device, group)
    trainer, record = _start(run, recipe, data.image_size, device, group)
    folder = run.folder or group.from_first(lambda: _new_folder(settings))
    del run  # and the tensors that it was continued from
    if group.leads:
        print(f"{folder}: step {trainer.step} of {recipe.iterations}, {_describe(trainer)}")
    try:
        record = train(
            trainer,
            data.stream(trainer.step, recipe.iterations),
            folder,
            stop=recipe.iterations,
            time_limit=60 * settings.max_minutes or None,
            save_every=settings.checkpoint_every,
            record=record,
            evaluate=data.evaluate,
            evaluate_every=settings.eval_every,
            loggers=settings.logger,
        )
    except KeyboardInterrupt:
        if group.leads:
            print(f"stopped at step {trainer.step}; go on with --resume {folder}", file=sys.stderr)
        raise
    if group.leads:
        _finish(folder, trainer, record, settings, data)
        if trainer.step < recipe.iterations:
            _say_limit(folder, trainer, settings)
    group.wait()  # A process that has ended could not be started again with the others.


def _say_limit(folder: Path, trainer: Trainer, settings: Settings) -> None:
    steps = trainer.recipe.iterations
    print(limit_line(settings.max_minutes, trainer.step, steps), file=sys.stderr)
    say_how_to_go_on("pretrain_gqn", folder)


def _report_done(run: Run[Settings], recipe: Recipe, group: Group) -> None:
    message = f"{run.folder} has already done its {recipe.iterations} iterations"
    if run.settings.resume is not None:
        raise UserError(message)
    if group.leads:
        print(message)


def _check(settings: Settings) -> None:
    if settings.precision not in PRECISIONS:
        raise unknown_name("precision", settings.precision, PRECISIONS)
    least = {"checkpoint_every": 1, "eval_every": 1, "workers": 0, "max_minutes": 0}
    require_at_least(settings, least | {"seed": 0})
    if settings.evaluation_path is not None and settings.data_path is None:
        raise UserError("evaluation_path goes with data_path: rendered scenes evaluate themselves")
    preset(settings.preset)
    if settings.compile:
        require_compiler()
    check_loggers(settings.logger)
    if (restarts := allowed_restarts()) and settings.output is None and settings.resume is None:
        raise UserError(
            f"torchrun's max-restarts is {restarts}, but output is None, expected a folder: it is "
            "where a restart finds the run"
        )


def _recipe(run: Run[Settings]) -> Recipe:
    if run.state is not None:
        return Recipe.from_dict(run.state.about["recipe"], str(run.folder))
    settings = run.settings
    names = {field.name for field in fields(Recipe)} & {field.name for field in fields(Settings)}
    return named_recipe(settings.recipe, **{name: getattr(settings, name) for name in names})


def _new_folder(settings: Settings) -> Path:
    if settings.output is None:
        folder = new_run_folder(None, "pretrain_gqn", settings.output_parent)
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
    """Copy weights into a new model; the optimiser and the schedules start anew.

    So do parameters that the weights lack, because the architecture has gained them since.
    """
    path = pretrained_path(name)
    sidecar = read_sidecar(path)
    config = config_from_dict(sidecar["family"], sidecar["config"], str(path))
    if config != model.config:
        raise UserError(
            f"{path} has the family {config.family!r} and the configuration {config.to_dict()}, "
            f"but the preset has {model.family!r} and {model.config.to_dict()}"
        )
    new = model.state_dict()
    known = {
        key: tensor
        for key, tensor in read_weights(path, sidecar).items()
        if key in new and tensor.shape == new[key].shape
    }
    model.load_state_dict(new | known)
    if missing := sorted(set(new) - set(known)):
        print(f"{path} has no {', '.join(missing)}; they start from random weights")


def _start(
    run: Run[Settings], recipe: Recipe, image_size: int, device: torch.device, group: Group
) -> tuple[Trainer, dict[str, Any] | None]:
    """A trainer at the step from which the run goes on, and what it has recorded until then."""
    settings, state = run.settings, run.state
    if state is None:
        model = _new_model(settings, image_size, device)
        return _trainer(model, settings, recipe, group), None
    config = config_from_dict(state.about["family"], state.about["config"], str(run.folder))
    model = build(config, recipe.seed).to(device)
    trainer = _trainer(model, settings, recipe, group)
    trainer.load_state(state.tensors, state.about["step"])
    return trainer, state.about["record"]


def _trainer(
    model: GenerativeQueryNetwork, settings: Settings, recipe: Recipe, group: Group
) -> Trainer:
    for parameter in model.representation_parameters():
        parameter.requires_grad_(not settings.freeze_representation)
    return Trainer(model, recipe, settings.precision, group, settings.compile)


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
    if data.evaluate is not None:
        save_picture(folder / "held_out_views.png", data.evaluate(trainer).picture)
    write_json(folder / METRICS_NAME, summary | {"record": record})  # last: the run is done
    print(f"weights: {folder / WEIGHTS}")
