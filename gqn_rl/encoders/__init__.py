"""Encoders: views in, one fixed-size scene representation out."""

from gqn_rl.encoders.base import ENCODERS, SceneEncoder, SceneImaginer, make_encoder

__all__ = ["ENCODERS", "SceneEncoder", "SceneImaginer", "make_encoder"]
