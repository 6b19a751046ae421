"""The ring of labelled observations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.algorithms.answer_memory import AnswerMemory

SPACE = spaces.Dict(
    {
        "vector": spaces.Box(-np.inf, np.inf, (3,), np.float32),
        "image": spaces.Box(0, 255, (3, 4, 4), np.uint8),
    }
)
CPU = torch.device("cpu")


def observations(first: int, n: int) -> dict[str, np.ndarray]:
    """Observation i carries i in every number."""
    values = np.arange(first, first + n)
    return {
        "vector": np.repeat(values[:, None], 3, axis=1).astype(np.float32),
        "image": np.broadcast_to(values[:, None, None, None], (n, 3, 4, 4)).astype(np.uint8),
    }


def test_keeps_the_newest_and_their_labels() -> None:
    memory = AnswerMemory(10, SPACE, seed=0)
    for first in range(0, 24, 4):
        memory.add(observations(first, 4), np.arange(first, first + 4))
    assert len(memory) == 10
    batch, targets = memory.sample(500, CPU)
    assert set(targets.tolist()) == set(range(14, 24))
    assert torch.equal(batch["vector"][:, 0].long(), targets)
    assert torch.equal(batch["image"][:, 0, 0, 0].long(), targets)
    assert batch["vector"].dtype == torch.float32
    assert batch["image"].dtype == torch.uint8


def test_forgets_the_unlabelled() -> None:
    memory = AnswerMemory(10, SPACE, seed=0)
    memory.add(observations(0, 4), np.array([0, -1, 2, -1]))
    assert len(memory) == 2
    assert set(memory.sample(100, CPU)[1].tolist()) == {0, 2}


def test_more_than_fits_at_once() -> None:
    memory = AnswerMemory(5, SPACE, seed=0)
    memory.add(observations(0, 12), np.arange(12))
    assert set(memory.sample(200, CPU)[1].tolist()) == set(range(7, 12))


def test_large_numbers_stay_finite() -> None:
    memory = AnswerMemory(1, SPACE, seed=0)
    huge = observations(0, 1) | {"vector": np.array([[1e9, -1e9, 0.5]], np.float32)}
    memory.add(huge, np.array([0]))
    vector = memory.sample(1, CPU)[0]["vector"]
    assert torch.isfinite(vector).all()
    assert vector[0, 2] == 0.5


def test_refuses_no_capacity() -> None:
    with pytest.raises(ValueError, match="capacity is 0"):
        AnswerMemory(0, SPACE, seed=0)
