"""Turn a bundle into a file of Stable-Baselines3, or such a file into a bundle.

Stable-Baselines3's files hold pickles: load one from a stranger with this command, never with
Stable-Baselines3 itself. Only its weights are read, so the flags have to say what was trained.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from agents.saving.bundle import load_bundle, save_bundle, weights_path
from agents.saving.sb3_zip import export_zip, import_zip
from experiments.agent.settings import TrainAgentSettings
from experiments.agent.training import make_trainee, record_of
from experiments.shared.command import run_command
from gqn_rl.errors import UserError


@dataclass(frozen=True)
class ConvertAgentSettings:
    """Flags of `python -m experiments.convert_agent`."""

    source: Path
    """A .zip of Stable-Baselines3; or a run folder or bundle."""
    output: Path
    """The bundle to be written, or for a bundle as source the .zip."""
    env_id: str = "GQNShepard-v0"
    """Environment that the agent of a .zip was trained on."""
    algo: str = "ppo"
    """Its algorithm."""
    observation: str = "representation"
    """What it sees."""
    encoder: str | None = None
    """Its encoder: a name, or the path of a checkpoint; by default the task's own."""
    renderer: str = "pybullet"
    """pybullet or raycast."""
    gallery_size: int | None = None
    """How many shapes it tells apart; by default the environment's (10)."""
    shapes: str | None = None
    """Which shapes; by default the environment's (train)."""
    orientation: str | None = None
    """grid or free; by default the environment's."""
    num_cubes: int | None = None
    """Cubes per object; by default the environment's (7)."""
    max_looks: int | None = None
    """Images per episode; by default the environment's (12)."""
    hyperparameters: Path | None = None
    """File laid over agents/hyperparameters, which say what network it has."""
    hyper: tuple[str, ...] = ()
    """Changes to hyperparameters, such as policy=MultiInputPolicy."""


def main(settings: ConvertAgentSettings) -> None:
    """Read the one, write the other."""
    wanted = settings.output
    if settings.source.suffix != ".zip" and wanted.suffix != ".zip":
        raise UserError(f"output is {str(wanted)!r}, expected a .zip for a bundle as source")
    if (weights_path(wanted) if settings.source.suffix == ".zip" else wanted).exists():
        raise UserError(f"output {str(wanted)!r} exists; choose another or remove it")
    if settings.source.suffix == ".zip":
        written = bundle_from_zip(settings)
    else:
        export_zip(load_bundle(settings.source), wanted)
        written = wanted
    print(written)


def bundle_from_zip(settings: ConvertAgentSettings) -> Path:
    """The path of the weights of the new bundle."""
    shared = {item.name for item in fields(ConvertAgentSettings)} - {"source", "output"}
    given = {name: getattr(settings, name) for name in shared}
    trained = TrainAgentSettings(num_envs=1, **given)
    trainee = make_trainee(trained)
    try:
        record = record_of(trained, trainee)
    finally:
        trainee.close()
    policy = import_zip(settings.source, record)
    origin = {"imported_from": settings.source.name}
    return save_bundle(settings.output, policy, replace(record, training=origin))


if __name__ == "__main__":
    run_command(main, ConvertAgentSettings, __doc__)
