"""Write a GQN's `represent`, or an agent's policy, as an ONNX file that computes the same.

Weights: images float32 (B, M, 3, H, W) in [0, 1] and poses float32 (B, M, 7) to representation
float32 (B, F), as `represent` returns it, and standardised, as agents see it before they clip it to
10 standard deviations. B and M are free.

Agents: the parts of the observation by their names, float32 (B, ...), to probabilities (B, A) of
Discrete actions, or to the best actions (B, A) of a Box. B is free.

Every file is compared with PyTorch on other batches before it is kept.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.shared.command import run_command
from gqn_rl.errors import UserError
from gqn_rl.files import write_bytes

if TYPE_CHECKING:
    from agents.saving.acting_network import ActingNetwork
    from gqn_rl.onnx_export import Inputs, Represent

SHAPES = ((2, 3), (1, 1), (5, 2))
"""Scenes and views: the first is exported, all are compared."""


@dataclass(frozen=True)
class ExportSettings:
    """Flags of `python -m experiments.export_onnx`."""

    weights: str | None = None
    """GQN to export: shipped weights by name, a path, or hub:owner/name; by default small."""
    agent: str | None = None
    """Agent to export instead: the id of an environment for which one ships, a run folder, a
    bundle, or hub:owner/name."""
    output: Path = Path("model.onnx")
    """File to write."""


def main(settings: ExportSettings) -> None:
    """Export, compare, keep."""
    from gqn_rl.onnx_export import export, require_same

    if settings.weights is not None and settings.agent is not None:
        raise UserError(f"both weights {settings.weights!r} and agent {settings.agent!r} are given")
    if settings.output.suffix != ".onnx" or settings.output.exists():
        raise UserError(f"output is {str(settings.output)!r}, expected a new file *.onnx")
    network, trials, facts = subject(settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / settings.output.name
        export(
            network,
            path,
            trials[0],
            network.outputs,
            free_axes=network.free_axes,
            facts=facts,
        )
        largest = require_same(network, path, trials)
        write_bytes(settings.output, path.read_bytes())
    print(f"{settings.output}: differs from PyTorch by {largest:.1e} at most")


def subject(
    settings: ExportSettings,
) -> tuple[Represent | ActingNetwork, list[Inputs], dict[str, str]]:
    """The network, inputs of several sizes, and what the file is to say of itself."""
    from agents.saving.acting_network import ActingNetwork
    from agents.saving.bundle import TRAINED, load_bundle
    from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path
    from gqn_rl.gqn.config import ENCODER_WEIGHTS
    from gqn_rl.onnx_export import Represent

    if settings.agent is None:
        model, sidecar = load_checkpoint(pretrained_path(settings.weights or ENCODER_WEIGHTS))
        represent = Represent(model)
        inputs = [represent.example(*shape, seed=0) for shape in SHAPES]
        return represent, inputs, {"family": model.family, "sha256": sidecar["sha256"]}
    shipped = TRAINED / f"{settings.agent}.safetensors"
    agent = load_bundle(shipped if shipped.is_file() else Path(settings.agent))
    acting = ActingNetwork(agent)
    sizes = [scenes for scenes, _ in SHAPES]
    facts = {"algo": agent.record.algo, "env_id": agent.record.env_id}
    return acting, [acting.example(size, seed=0) for size in sizes], facts


if __name__ == "__main__":
    run_command(main, ExportSettings, __doc__)
