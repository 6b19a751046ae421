"""Networks with random weights: the control for what pretraining adds.

One such network is a lottery: of five that differ in nothing but their seed, the shape probe reads
0.21 off one representation and 0.46 off another. So a control is several of them: the median one is
reported, and the range of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from experiments.shared import seeds
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shape_source import num_cubes_of

if TYPE_CHECKING:
    from gqn_rl.encoders import SceneEncoder
    from gqn_rl.encoders.gqn_encoder import GQNEncoder
    from gqn_rl.gqn.model import GenerativeQueryNetwork

RANDOM_NETWORKS = 3
"""How many are measured where a command is not told."""
UNTRAINED = "random weights"
"""What tables and metrics.json call them."""

T = TypeVar("T")


def median_network(found: Sequence[T], score: Callable[[T], float]) -> tuple[T, list[float]]:
    """What was measured of several random networks, in short.

    Returns:
        What was found of the network in the middle, the lower one of an even number, and the scores
        of all in ascending order.
    """
    ordered = sorted(found, key=score)
    return ordered[(len(ordered) - 1) // 2], [score(each) for each in ordered]


def untrained_models(
    model: GenerativeQueryNetwork, seed: int, count: int
) -> list[GenerativeQueryNetwork]:
    """`untrained_model` for as many seeds as there are to be networks, from `seed` on."""
    return [untrained_model(model, seed + i) for i in range(count)]


def untrained_model(model: GenerativeQueryNetwork, seed: int) -> GenerativeQueryNetwork:
    """The same architecture with random weights, on the same device, to be used and not trained."""
    from gqn_rl.gqn.families import build

    twin = build(model.config, seeds.RANDOM_WEIGHTS + seed)
    return twin.to(model.device).eval().requires_grad_(False)


def untrained_encoder(
    encoder: SceneEncoder[Any], seed: int, env_kwargs: dict[str, Any]
) -> GQNEncoder | None:
    """An encoder of the same kind with random weights, standardised as the trained one was.

    Args:
        env_kwargs: of the environment whose views it is to encode.

    Returns:
        None for an encoder that is no network of `gqn_rl.gqn`.
    """
    from gqn_rl.data.synthetic import SceneDistribution
    from gqn_rl.encoders.gqn_encoder import GQNEncoder
    from gqn_rl.training.statistics import rendered_examples, set_statistics

    if not isinstance(encoder, GQNEncoder):
        return None
    twin = untrained_model(encoder.model, seed)
    renderer = make_renderer(env_kwargs.get("renderer"), encoder.image_size)
    try:
        shapes = env_kwargs.get("shapes", "train")
        scenes = SceneDistribution(num_cubes_of(env_kwargs.get("num_cubes"), shapes))
        set_statistics(twin, rendered_examples(renderer, scenes, seed=seed))
    finally:
        renderer.close()
    return type(encoder)(twin)
