"""Networks with random weights: the control for what pretraining adds."""

from __future__ import annotations

from typing import Any

from experiments.shared import seeds
from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.encoders import SceneEncoder
from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.gqn.families import build
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shape_source import num_cubes_of
from gqn_rl.training.statistics import rendered_examples, set_statistics


def untrained_model(model: GenerativeQueryNetwork, seed: int) -> GenerativeQueryNetwork:
    """The same architecture with random weights, on the same device, to be used and not trained."""
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
    if not isinstance(encoder, GQNEncoder):
        return None
    twin = untrained_model(encoder.model, seed)
    renderer = make_renderer(env_kwargs.get("renderer", "pybullet"), encoder.image_size)
    try:
        shapes = env_kwargs.get("shapes", "train")
        scenes = SceneDistribution(num_cubes_of(env_kwargs.get("num_cubes"), shapes))
        set_statistics(twin, rendered_examples(renderer, scenes, seed=seed))
    finally:
        renderer.close()
    return type(encoder)(twin)
