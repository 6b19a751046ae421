"""Pieces of work of the GQN, to be timed; each is made in a process of its own.

All make the same batch and train on it again and again with the same random numbers, so that every
round does the same work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from experiments.benchmark.gqn.plain import PlainGQN
from experiments.benchmark.timing import Work
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, synthetic_batch
from gqn_rl.devices import autocast, has_fast_bf16
from gqn_rl.geometry.view import to_float
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.families import build, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.published.published_gqn import PublishedGQN
from gqn_rl.rendering import make_renderer
from gqn_rl.training.batches import TensorViews
from gqn_rl.training.group import ALONE
from gqn_rl.training.recipe import Recipe, recipe
from gqn_rl.training.trainer import Bound, Trainer


@dataclass(frozen=True)
class Subject:
    """A network, and the batch it is given.

    Attributes:
        preset: see gqn_rl.gqn.families.PRESETS.
        recipe: see gqn_rl.training.recipe.RECIPES.
        layers: of a published network, instead of the preset's own; 0: those.
        batch_size: scenes.
        num_views: of each.
        precision, device, compiled: see `Trainer`.
    """

    preset: str
    recipe: str
    layers: int
    batch_size: int
    num_views: int
    device: str
    precision: str = "auto"
    compiled: bool = False
    seed: int = 0

    def model(self) -> GenerativeQueryNetwork:
        config = preset(self.preset)
        if self.layers:
            config = replace(config, layers=self.layers)  # type: ignore[call-arg]
        return build(config, self.seed)

    def training_recipe(self) -> Recipe:
        return recipe(
            self.recipe, batch_size=self.batch_size, num_views=self.num_views, seed=self.seed
        )

    def batch(self) -> SceneViews:
        return synthetic_batch(
            make_renderer("raycast", preset(self.preset).image_size),
            SceneDistribution(),
            seed=self.seed,
            index=0,
            batch_size=self.batch_size,
            num_views=self.num_views,
        )

    @property
    def facts(self) -> dict[str, float]:
        """Images in the batch."""
        return {"images": float(self.batch_size * self.num_views)}

    def tensors(self) -> tuple[Tensor, Tensor]:
        """The batch on the device, uint8 (B, V, H, W, 3) and float32 (B, V, 7)."""
        batch = self.batch()
        return (
            torch.as_tensor(batch.images, device=self.device),
            torch.as_tensor(batch.viewpoints, device=self.device),
        )


def our_training(subject: Subject) -> Work:
    """A step of our trainer: forward, backward, optimiser and moving average."""
    model = subject.model().to(subject.device)
    trainer = Trainer(model, subject.training_recipe(), subject.precision)
    batch = subject.batch()

    def step() -> None:
        trainer.step = 0
        trainer.train_step(batch)

    with FlopCounterMode(display=False) as counter:  # which does not see into compiled parts
        step()
    if subject.compiled:
        model.compile_parts()
    flop = float(counter.get_total_flops())
    return Work(step, {**subject.facts, "parameters": _count(model), "flop": flop})


def plain_training(subject: Subject, spread: str) -> Work:
    """A step of the plain composition: forward, backward and Adam, in float32."""
    source = subject.model()
    assert isinstance(source, PublishedGQN)
    model = PlainGQN(source, spread).to(subject.device)
    del source
    plan = replace(subject.training_recipe(), grid_weight=0.0)  # it has no auxiliary loss
    bound = Bound(model, plan, ALONE)  # type: ignore[arg-type]
    optimiser = torch.optim.Adam(model.parameters(), lr=plan.learning_rate)
    views = TensorViews(*subject.tensors())
    generator = torch.Generator(subject.device)

    def step() -> None:
        generator.manual_seed(subject.seed)
        terms = bound(views, Draws(generator, subject.batch_size), 0)
        optimiser.zero_grad()
        terms.loss.backward()
        optimiser.step()

    return Work(step, {**subject.facts, "parameters": _count(model)})


def representing(subject: Subject) -> Work:
    """`represent` of all views of the batch."""
    model = subject.model().eval().to(subject.device)
    if subject.compiled:
        model.compile_parts()
    images, viewpoints = subject.tensors()
    context = to_float(images)

    def represent() -> Tensor:
        with torch.no_grad(), autocast(model.device, subject.precision):
            return model.represent(context, viewpoints)

    return Work(represent, subject.facts)


def own_convolutions(subject: Subject) -> Work:
    """The convolutions that `representing` calls, alone, on inputs that are there already."""
    recorder = ConvolutionRecorder()
    with recorder:
        representing(replace(subject, compiled=False)).run()
    calls = recorder.calls

    def convolve() -> None:
        with torch.no_grad():
            for arguments in calls:
                torch.ops.aten.convolution.default(*arguments)

    return Work(convolve, {**subject.facts, "convolutions": float(len(calls))})


def matrix_product(device: str, precision: str, size: int) -> Work:
    """A square matrix product in the format that training computes in."""
    fast = precision == "bf16" or (precision == "auto" and has_fast_bf16(torch.device(device)))
    dtype = torch.bfloat16 if fast else torch.float32
    generator = torch.Generator(device).manual_seed(0)
    a, b = (torch.randn(size, size, device=device, generator=generator).to(dtype) for _ in range(2))
    out = torch.empty_like(a)

    def multiply() -> None:
        with torch.no_grad():
            torch.mm(a, b, out=out)

    return Work(multiply, {"flop": 2.0 * size**3})


class ConvolutionRecorder(TorchDispatchMode):
    """Keeps copies of what convolutions are called with, in the format they get it in.

    Attributes:
        calls: arguments of `aten.convolution`, in order.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, ...]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is torch.ops.aten.convolution.default:
            self.calls.append(tuple(a.clone() if isinstance(a, Tensor) else a for a in args))
        return func(*args, **(kwargs or {}))


def _count(model: nn.Module) -> float:
    return float(sum(parameter.numel() for parameter in model.parameters()))
