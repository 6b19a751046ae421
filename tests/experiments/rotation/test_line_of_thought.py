"""The benchmark's report of a line of thought: turns that are right, and the steps they took."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.rotation.line_of_thought import line_of_thought, thought
from experiments.rotation.protocol import depth_pairs
from gqn_rl.scenes.shape_source import shape_source
from tests.experiments.rotation.test_benchmark import true_explanation


def test_perfect_inference_ends_at_the_right_turn_after_steps_that_grow_with_the_angle() -> None:
    pool = shape_source(10, "test").pool().chiral()[:20]
    pairs = depth_pairs(np.random.default_rng(3), 200, pool)
    thoughts = [
        thought(true_explanation(pairs.first, row), true_explanation(pairs.second, row))
        for row in range(len(pairs))
    ]
    told = line_of_thought(pairs, thoughts)
    assert told["found"] == 1.0
    assert told["right_turn"] > 0.95
    assert told["accuracy"] > 0.95
    steps = list(told["steps_from_angle"].values())
    assert len(steps) == 6
    assert steps == sorted(steps)
    assert steps[0] == pytest.approx(1 + 2 * 15 / 15, abs=1.5)
    wrong = [each._replace(turn=each.turn + 0.3) for each in thoughts]
    assert line_of_thought(pairs, wrong)["right_turn"] < 0.1
