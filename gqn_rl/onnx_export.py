"""Networks as ONNX files, and whether they still compute the same."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gqn_rl.devices import float32_by_default
from gqn_rl.errors import UserError
from gqn_rl.extras import require
from gqn_rl.files import write_atomically
from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.gqn.model import GenerativeQueryNetwork

TOLERANCE = 1e-4
"""The largest difference to PyTorch that a file is written with."""
Inputs = dict[str, Tensor]


class Represent(nn.Module):
    """`GenerativeQueryNetwork.represent` without its checks, and the same standardised.

    Inputs: images float32 (B, M, 3, H, W) in [0, 1], poses float32 (B, M, 7).
    Outputs: representation and standardised, float32 (B, F).
    """

    inputs = ("images", "poses")
    outputs = ("representation", "standardised")
    free_axes = 2
    """Of every input: scenes and views."""

    def __init__(self, model: GenerativeQueryNetwork[Any]) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, poses: Tensor) -> tuple[Tensor, Tensor]:
        scenes, views = images.shape[:2]
        each = self.model.encode_view(images.flatten(0, 1), poses.flatten(0, 1))
        summed = (part.view(scenes, views, *part.shape[1:]).sum(1) for part in each.parts)
        r = self.model.representation(type(each)(*summed))
        return r, self.model.standardise(r)

    def example(self, scenes: int, views: int, seed: int) -> Inputs:
        """Noise seen from cameras that look anywhere."""
        generator = torch.Generator().manual_seed(seed)
        size = self.model.image_size
        angles = 6.2832 * torch.rand(scenes, views, 2, generator=generator)
        position = 4.0 * torch.randn(scenes, views, 3, generator=generator)
        sines = torch.stack([angles.cos(), angles.sin()], dim=-1).flatten(2)
        poses = torch.cat([position, sines], dim=-1)
        assert poses.shape[-1] == ENCODING_SIZE
        images = torch.rand(scenes, views, 3, size, size, generator=generator)
        return {"images": images, "poses": poses}


def export(
    network: nn.Module,
    path: Path,
    example: Inputs,
    outputs: Sequence[str],
    *,
    free_axes: int,
    facts: Mapping[str, str],
) -> None:
    """Write an ONNX file, in float32.

    Args:
        example: inputs by name, in the order of `forward`, with more than one scene.
        outputs: names, in the order that `forward` returns them.
        free_axes: how many leading axes of each input may have another length later.
        facts: metadata of the file.

    Raises:
        UserError: for a network that cannot be written as ONNX, or a missing extra.
    """
    for module in ("onnx", "onnxscript"):
        require(module, "onnx")
    free = dict.fromkeys(range(free_axes), torch.export.Dim.DYNAMIC)
    with torch.no_grad(), float32_by_default(), _quiet():
        try:
            program = torch.onnx.export(
                network.eval(),
                tuple(example.values()),
                dynamo=True,
                input_names=list(example),
                output_names=list(outputs),
                dynamic_shapes=_shapes(network, len(example), free),
            )
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"cannot write this network as ONNX: {reason}") from error
    assert program is not None
    program.model.metadata_props.update(facts)
    write_atomically(path, lambda temporary: program.save(temporary))


def difference(network: nn.Module, path: Path, inputs: Inputs) -> float:
    """The largest difference between a file's outputs and the network's.

    Raises:
        UserError: for a file that cannot be run with these inputs.
    """
    runtime = require("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # What fails is raised, too.
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    except Exception as error:
        sizes = {name: tuple(value.shape) for name, value in inputs.items()}
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"this network as ONNX does not run on {sizes}: {reason}") from error
    with torch.no_grad(), float32_by_default():
        expected = network.eval()(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    pairs = zip(found, expected, strict=True)
    return max(float(np.abs(one - other.numpy()).max()) for one, other in pairs)


def require_same(network: nn.Module, path: Path, trials: Sequence[Inputs]) -> float:
    """The largest difference over several inputs.

    Raises:
        UserError: where it is more than `TOLERANCE`.
    """
    largest = max(difference(network, path, inputs) for inputs in trials)
    if not largest <= TOLERANCE:
        raise UserError(f"{path} differs from PyTorch by {largest:.2g}, expected {TOLERANCE:g}")
    return largest


def _shapes(network: nn.Module, count: int, free: dict[int, Any]) -> tuple[Any, ...]:
    """One entry per parameter of `forward`, of which *parts is one."""
    each = tuple(dict(free) for _ in range(count))
    return (each,) if getattr(network, "takes_parts", False) else each


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's remarks are about itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
