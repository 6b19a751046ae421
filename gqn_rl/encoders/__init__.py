"""Encoders: views in, one fixed-size scene representation out."""

from gqn_rl.encoders.base import (
    ENCODERS,
    ComparingEncoder,
    InformedEncoder,
    ResumableEncoder,
    SceneEncoder,
    SceneImaginer,
    SpatialEncoder,
    StateInformedEncoder,
    make_encoder,
)

__all__ = [
    "ENCODERS",
    "ComparingEncoder",
    "InformedEncoder",
    "ResumableEncoder",
    "SceneEncoder",
    "SceneImaginer",
    "SpatialEncoder",
    "StateInformedEncoder",
    "make_encoder",
]
