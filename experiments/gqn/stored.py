"""Prediction on scenes from disk, such as converted ones of DeepMind's sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.gqn.evaluation_settings import MOST_VIEWS
from experiments.gqn.prediction import RANKS, Measured, PredictionPlan, measure_views
from gqn_rl.data.shard_file import Shard, read_headers
from gqn_rl.data.shards import ShardBatches
from gqn_rl.errors import UserError
from gqn_rl.gqn.model import GenerativeQueryNetwork

NAME = "stored"
"""Of the scenes, where rendered ones have that of their orientation."""


def measure_stored(plan: PredictionPlan, model: GenerativeQueryNetwork, folder: Path) -> Measured:
    """Predict a view of each of some scenes, chosen by the seed; nothing is known of an ideal."""
    most = most_views(read_headers(folder))
    batches = ShardBatches(
        folder, None, batch_size=plan.scenes, num_views=most + 1, num_batches=1, seed=plan.seed
    )
    measured = Measured({}, [], {name: [] for name in RANKS}, {}, {}, {})
    measure_views(measured, plan, model, batches[0], NAME)
    measured.numbers[NAME]["ideal"] = {"scenes": 0, "views": {}}
    return measured


def most_views(shards: list[Shard]) -> int:
    """Context views that a scene has beside the query, whatever the plan."""
    return min(MOST_VIEWS, shards[0].description.num_views - 1)


def check_stored(plan: PredictionPlan, folder: Path, sidecar: dict[str, Any]) -> None:
    """Refuse scenes on which a plan cannot be measured.

    Args:
        sidecar: what the weights say of the pictures and poses that they were trained on.

    Raises:
        UserError: for other pictures or poses, or fewer scenes or views than are to be measured.
    """
    shards = read_headers(folder)
    require_same_pictures(shards[0], sidecar)
    scenes = sum(shard.num_scenes for shard in shards)
    for name, wanted, there in (
        ("scenes", plan.scenes, scenes),
        ("views", max(plan.samples_by_views), most_views(shards)),
    ):
        if wanted > there:
            raise UserError(
                f"{name} is {wanted}, expected at most {there}: {str(folder)!r} has no more"
            )


def require_same_pictures(shard: Shard, sidecar: dict[str, Any]) -> None:
    """Refuse weights that were trained on other pictures or poses than those of a shard."""
    mine, theirs = appearance(shard.renderer), appearance(sidecar["renderer"])
    for name, there, wanted in (
        ("pictures of", mine, theirs),
        ("the camera convention", shard.camera, sidecar["camera"]),
    ):
        if there != wanted:
            raise UserError(
                f"{shard.path} has {name} {there}, but the weights were trained on {wanted}"
            )


def appearance(renderer: dict[str, Any]) -> dict[str, Any]:
    """What pictures depend on: not which code drew them."""
    return {key: value for key, value in renderer.items() if key not in ("name", "version")}
