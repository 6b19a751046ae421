"""The line of thought of the GQN's inference: turns tried until what two pictures show agrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.rotation.inference import Explained
from experiments.rotation.protocol import RotationPairs
from gqn_rl.inference.line_of_thought import STEP, Thought, turn_until_one_fits

NEAR = 2.0
"""Degrees from the true turn up to which one is right: what inference errs by in yaw is less."""


def thought(first: Sequence[Explained], second: Sequence[Explained]) -> Thought:
    """That between the most probable explanations of two pictures."""
    one, other = first[0], second[0]
    return turn_until_one_fits(one.cells, other.cells, other.yaw - one.yaw)


def line_of_thought(pairs: RotationPairs, thoughts: Sequence[Thought]) -> dict[str, Any]:
    """What metrics.json says of it, for pairs turned in depth.

    `accuracy` is that of the answers at which it ends, where nothing fits those of the best turn.
    The rest is of pairs of the same object: the share in which it ended at the right turn, and
    mean steps there, by angle.
    """
    said = np.array([each.is_mirrored for each in thoughts])
    steps = np.array([each.steps for each in thoughts])
    turn = np.degrees([each.turn for each in thoughts])
    error = np.abs((np.abs(turn) - pairs.angle + 180.0) % 360.0 - 180.0)
    right = ~pairs.mirrored & ~said & (error < NEAR)
    lowest = np.arange(0.0, 180.0, 30.0)
    parts = [right & (pairs.angle >= low) & (pairs.angle < low + 30.0) for low in lowest]
    return {
        "degrees_a_step": float(np.degrees(STEP)),
        "accuracy": float((said == pairs.mirrored).mean()),
        "found": float(np.mean([each.is_found for each in thoughts])),
        "right_turn": float(right.sum() / max(1, (~pairs.mirrored).sum())),
        "steps_from_angle": {
            f"{low:g}": float(steps[part].mean())
            for low, part in zip(lowest, parts, strict=True)
            if part.any()
        },
    }
