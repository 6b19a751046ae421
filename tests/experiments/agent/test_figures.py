"""Pictures of what agents did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from experiments.agent.episode import Episode
from experiments.agent.figures import (
    FRAME_MILLISECONDS,
    LAST_FRAME_MILLISECONDS,
    save_animation,
)


def watched(looks: int, brightness: int) -> Episode:
    frames = [np.full((32, 200, 3), brightness + i, np.uint8) for i in range(looks)]
    actions = [*["left"] * (looks - 1), "answer 0"]
    return Episode(actions=actions, frames=frames, outcome="answers 0 (right)")


def test_an_animation_shows_all_looks_and_stays_on_every_verdict(tmp_path: Path) -> None:
    save_animation(tmp_path / "a.gif", [watched(1, 10), watched(3, 60), watched(2, 200)])
    durations, brightness = [], []
    with Image.open(tmp_path / "a.gif") as animation:
        for frame in range(animation.n_frames):  # type: ignore[attr-defined]
            animation.seek(frame)
            durations.append(animation.info["duration"])
            brightness.append(np.asarray(animation.convert("RGB"))[5, 5, 0])
    last, other = LAST_FRAME_MILLISECONDS, FRAME_MILLISECONDS
    assert durations == [last, other, other, last, other, last]
    np.testing.assert_allclose(brightness, [10, 60, 61, 62, 200, 201], atol=4)
