"""The test of 1971: fair pairs, counted answers, honest lines."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from envs.tasks.mental_rotation import ANGLES
from experiments.explorer.page.pictures import outcome_part, score_part
from experiments.explorer.rotation_test import (
    ENV_ID,
    SURFACES,
    AgentAtAngle,
    Answer,
    Test,
    agent_by_angle,
    sample_pair,
    scores_by_angle,
)
from experiments.explorer.scenes import Studio
from experiments.trials.table import trials_csv
from gqn_rl.errors import UserError
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject


def test_a_seed_asks_the_same_pairs_again(studio: Studio) -> None:
    one, other = Test(3).ask(studio), Test(3).ask(studio)
    assert one.pair is not None
    assert other.pair is not None
    np.testing.assert_array_equal(one.pair.right, other.pair.right)
    assert one.ask(studio) is one
    next_pair = one.answer(False, 1.0).ask(studio).pair
    assert next_pair is not None
    assert not np.array_equal(next_pair.left, one.pair.left)


@pytest.mark.parametrize("surface", SURFACES)
def test_pairs_show_two_objects_of_the_tasks_angles(studio: Studio, surface: str) -> None:
    for seed in range(3):
        pair = sample_pair(np.random.default_rng(seed), studio, surface)
        assert pair.angle in ANGLES
        for picture in (pair.left, pair.right):
            seen = picture[picture.max(axis=-1) > 0].astype(int)
            is_grey = (seen.max(axis=1) == seen.min(axis=1)).all()
            assert is_grey == (surface == "grey")
        same_place = np.array_equal(pair.left, pair.right)
        assert same_place == (pair.angle == 0 and not pair.mirrored)


def test_answers_are_scored_by_angle() -> None:
    answers = [
        Answer(20.0, False, False, 1.0, "uurb"),
        Answer(20.0, True, True, 3.0, "uurb"),
        Answer(20.0, True, False, 9.0, "uurb"),
        Answer(160.0, True, False, 4.0, "uurb"),
    ]
    near, far = scores_by_angle(answers)
    assert (near.angle, near.answers, near.accuracy) == (20.0, 3, pytest.approx(2 / 3))
    assert near.seconds == 2.0  # of the right answers only
    assert near.low < 2 / 3 < near.high
    assert (far.accuracy, far.seconds) == (0.0, None)
    assert scores_by_angle([]) == []


def test_answers_are_counted_and_shown(studio: Studio) -> None:
    test = Test(0)
    for said in (False, True):
        test = test.ask(studio).answer(said, 1.25)
    assert "of 2 right so far" in outcome_part(test)
    assert sum(answer.is_right for answer in test.answers) == int(
        outcome_part(test).split(" of 2 right")[0].split()[-1]
    )
    assert score_part(test, None) != score_part(Test(0), None)
    trials = test.trials("p 7")
    assert [trial.is_right for trial in trials] == [answer.is_right for answer in test.answers]
    assert {(trial.participant, trial.seconds, trial.axis) for trial in trials} == {
        ("p 7", 1.25, "vertical")
    }
    for trial in trials:
        assert ShepardMetzlerObject.from_directions(trial.shape).is_chiral
    table = base64.b64encode(trials_csv(trials).encode()).decode()
    assert table in score_part(test, None, "p 7")
    assert "download" not in score_part(Test(0), None)
    agent = [AgentAtAngle(angle, 200, 0.9, 3.0) for angle in ANGLES]
    assert score_part(test, agent) != score_part(test, None)


@pytest.mark.parametrize("seconds", [None, 0, -1.0, float("nan"), float("inf"), 1e6, "2", True])
def test_what_is_no_time_is_refused(studio: Studio, seconds: object) -> None:
    with pytest.raises(UserError, match="seconds received, expected more than 0"):
        Test(0).ask(studio).answer(True, seconds)


def test_an_answer_without_a_pair_is_refused() -> None:
    with pytest.raises(UserError, match="there is no pair"):
        Test(0).answer(True, 1.0)


def test_the_agents_curve_is_read_or_said_to_be_missing(tmp_path: Path) -> None:
    assert agent_by_angle(tmp_path) is None
    metrics = tmp_path / f"{ENV_ID}.metrics.json"
    (tmp_path / f"{ENV_ID}.safetensors").touch()
    row = {"angle": 20.0, "episodes": 200, "accuracy": 0.9, "looks": 3.5}
    metrics.write_text(json.dumps({"by_angle": [row]}))
    assert agent_by_angle(tmp_path) == [AgentAtAngle(**row)]
    metrics.write_text(json.dumps({"accuracy": 0.9}))
    with pytest.raises(UserError, match="has no usable 'by_angle'"):
        agent_by_angle(tmp_path)
