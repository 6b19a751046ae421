"""Learned representations of 3D scenes: objects, cameras, pixels and the GQN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gqn_rl.moved import register

if TYPE_CHECKING:
    from gqn_rl.geometry.viewpoint import Viewpoints
    from gqn_rl.gqn.model import GenerativeQueryNetwork
    from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

__all__ = ["GenerativeQueryNetwork", "ShepardMetzlerObject", "Viewpoints"]

register(
    __name__,
    {
        "encoders.cell_encoder": "encoders.voxel_grid_encoder",
        "gqn.evidence": "gqn.view_aggregate",
        "gqn.lattice.points": "gqn.volumes.points",
        "gqn.lattice.volume_reading": "gqn.volumes.reading",
        "hub_manifest": "hub.manifest",
        "inference.ideal_observer.pixels": "inference.ideal_observer.search.pixels",
        "inference.ideal_observer.pruning": "inference.ideal_observer.search.pruning",
        "inference.ideal_observer.yaw_search": "inference.ideal_observer.search.yaw_search",
        "inference.refinement.alignment": "inference.refinement.search.alignment",
        "inference.refinement.explanation": "inference.refinement.search.explanation",
        "inference.refinement.placement": "inference.refinement.search.placement",
        "inference.refinement.proposals": "inference.refinement.search.proposals",
        "inference.refinement.regions": "inference.refinement.search.regions",
        "inference.refinement.sharpening": "inference.refinement.search.sharpening",
        "inference.refinement.twins": "inference.refinement.search.twins",
        "metrics": "evaluation.metrics",
        "prediction": "evaluation.prediction",
        "rays": "geometry.rays",
        "rendering.pool_worker": "rendering.pooled.worker",
        "rendering.pooled_renderer": "rendering.pooled.renderer",
        "rendering.pybullet_renderer": "rendering.pybullet",
        "rendering.raycast_renderer": "rendering.raycast",
        "rendering.shared_scenes": "rendering.pooled.shared_scenes",
        "rendering.worker_process": "rendering.pooled.process",
        "representation_variance": "evaluation.representation_variance",
        "rotations": "geometry.rotations",
        "scene": "scenes.scene",
        "shape_catalogue": "scenes.shape_catalogue",
        "shepard_metzler": "scenes.shepard_metzler",
        "turned_volumes": "geometry.turned_volumes",
        "view": "geometry.view",
        "viewpoint": "geometry.viewpoint",
    },
)

_HOME = {
    "GenerativeQueryNetwork": "gqn_rl.gqn.model",
    "ShepardMetzlerObject": "gqn_rl.scenes.shepard_metzler",
    "Viewpoints": "gqn_rl.geometry.viewpoint",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use: PyTorch takes seconds, and not everything needs it."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
