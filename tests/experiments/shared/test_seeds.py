"""No two purposes share a seed."""

from __future__ import annotations

from itertools import pairwise

from experiments.shared import seeds

ADDED = {
    "training": 0,
    "evaluation": seeds.EVALUATION,
    "test": seeds.TEST,
    "labelled": seeds.LABELLED,
    "random weights": seeds.RANDOM_WEIGHTS,
    "a study's evaluation": seeds.STUDY_EVALUATION,
    "pretraining's evaluation": seeds.PRETRAINING,
}
MOST_EPISODES = 900_000
"""More than any command plays for one purpose."""


def test_purposes_are_further_apart_than_any_counts() -> None:
    offsets = sorted(ADDED.values())
    assert all(later - earlier > MOST_EPISODES for earlier, later in pairwise(offsets))


def test_each_stream_is_drawn_from_for_one_purpose() -> None:
    streams = [
        seeds.PREDICTION_STREAM,
        seeds.VARIANCE_STREAM,
        seeds.TURNING_STREAM,
        *seeds.SCENE_STREAMS.values(),
        *seeds.VIEW_STREAMS.values(),
    ]
    assert len(set(streams)) == len(streams)
