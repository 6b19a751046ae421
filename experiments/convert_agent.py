"""Turn a bundle into a file of Stable-Baselines3, or such a file into a bundle.

Stable-Baselines3's files hold pickles: load one from a stranger with this command, never with
Stable-Baselines3 itself. Only its weights are read, so the flags have to say what was trained.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from experiments.agent.flags import NewAgentFlags
from experiments.agent.settings import TrainAgentSettings
from experiments.shared.command import run_command
from gqn_rl.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ConvertAgentSettings(NewAgentFlags):
    """Flags of `python -m experiments.convert_agent`."""

    source: Path
    """A .zip of Stable-Baselines3; or a run folder or bundle."""
    output: Path
    """The bundle to be written, or for a bundle as source the .zip."""
    algo: str | None = None
    """Algorithm that has trained the agent of a .zip; by default the one that fits the
    environment."""


def main(settings: ConvertAgentSettings) -> None:
    """Read the one, write the other."""
    from agents.saving.bundle import load_bundle, weights_path
    from agents.saving.sb3_zip import export_zip

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
    from agents.saving.bundle import save_bundle
    from agents.saving.sb3_zip import import_zip
    from experiments.agent.training import make_trainee, record_of

    given = {item.name: getattr(settings, item.name) for item in fields(NewAgentFlags)}
    trained = TrainAgentSettings(num_envs=1, algo=settings.algo, **given)
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
