"""Bad arguments of public constructors, from a table: a ValueError of one line that names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.factory import load_hyperparameters
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import make_task
from gqn_rl import GenerativeQueryNetwork
from gqn_rl.data.description import DataDescription
from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.devices import choose_device
from gqn_rl.encoders import make_encoder
from gqn_rl.gqn.families import PRESETS, preset
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.training.recipe import Recipe, recipe

NAN, INF = float("nan"), float("inf")
SHARES = (-0.1, 1.1, NAN)
COUNTS = (0, -1)
TABLE: dict[str, tuple[Callable[..., Any], dict[str, tuple[Any, ...]]]] = {
    "Recipe": (
        Recipe,
        {
            **dict.fromkeys(("iterations", "batch_size", "warmup", "num_rays"), COUNTS),
            "num_views": (1, 0, -3),
            **dict.fromkeys(("seed", "weight_decay", "grid_weight"), (-1,)),
            **dict.fromkeys(("free_fraction", "ema_decay", "prior_share"), SHARES),
            **dict.fromkeys(("learning_rate", "sigma_start", "sigma_end"), (0.0, -1.0, NAN)),
            **dict.fromkeys(("sigma_schedule", "loss_unit"), ("other", "")),
        },
    ),
    "recipe": (recipe, {"name": ("other", "")}),
    "SceneDistribution": (
        SceneDistribution,
        {"num_cubes": (0, -1), "shapes": ("other",), "free_fraction": SHARES},
    ),
    "DataDescription": (
        DataDescription,
        {
            "num_views": COUNTS,
            "scenes_per_shard": COUNTS,
            "num_cubes": COUNTS,
            "free_fraction": SHARES,
            "shapes": ("other",),
            "seed": (-1,),
        },
    ),
    "make_renderer": (
        lambda name="raycast", image_size=64: make_renderer(name, image_size),
        {"name": ("other", ""), "image_size": COUNTS},
    ),
    "make_encoder": (make_encoder, {"name": ("other", "no/such.safetensors")}),
    "make_task": (make_task, {"name": ("other", "")}),
    "preset": (preset, {"name": ("other", "")}),
    "choose_device": (choose_device, {"name": ("other", "")}),
    "shape_catalogue": (shape_catalogue, {"num_cubes": COUNTS}),
    "from_pretrained": (
        GenerativeQueryNetwork.from_pretrained,
        {"name_or_path": ("other", "no/such")},
    ),
    "load_hyperparameters": (
        lambda algo="ppo", env_id="any": load_hyperparameters(algo, env_id),
        {"algo": ("other", "")},
    ),
    "SceneVectorEnv": (
        lambda **options: SceneVectorEnv(**{"num_envs": 2, "observation": "state"} | options),
        {
            "num_envs": COUNTS,
            "task": ("other", ""),
            "control": ("other", ""),
            "observation": ("other", ""),
            "renderer": ("other", ""),
            "gallery_size": (0, -1, 10**6),
            "max_looks": COUNTS,
            "num_cubes": COUNTS,
            "shapes": ("other",),
            "orientation": ("other",),
            "gallery": ("other",),
            "render_mode": ("other",),
        },
    ),
}
"""Name to a constructor and the arguments that it has to refuse."""
CASES = [
    (name, argument, value)
    for name, (_, arguments) in TABLE.items()
    for argument, values in arguments.items()
    for value in values
]


@pytest.mark.parametrize(("name", "argument", "value"), CASES, ids=str)
def test_a_bad_argument_is_refused_in_one_line(name: str, argument: str, value: Any) -> None:
    construct = TABLE[name][0]
    with pytest.raises(ValueError, match=r"\S") as refusal:
        construct(**{argument: value})
    message = str(refusal.value)
    assert "\n" not in message
    assert argument in message or repr(value) in message or str(value) in message


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("value", COUNTS)
def test_every_family_refuses_images_without_pixels(name: str, value: int) -> None:
    with pytest.raises(ValueError, match="image_size"):
        type(preset(name))(image_size=value)
