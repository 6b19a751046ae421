"""The ideal observer answers at once where it is sure, and else looks where most is to be seen."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.evaluation import Evaluation, Predictor, evaluate
from envs.tasks import QueryErrors, make_task
from envs.tasks.mental_rotation import ANGLES
from experiments.agent.comparison import IDEAL, measured_ideal
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.ideal import ideal_agent, ideal_views, turned_and_mirrored
from experiments.agent.view_strategies import angles_of, looks_of, view_strategies
from gqn_rl.inference.ideal_observer import IdealObserver
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject
from gqn_rl.scenes.stimuli import write_objects
from tests.envs.fake_encoder import FakeDreamer
from tests.gqn_rl.inference.ideal_observer.scenes_to_see import is_truth

ROWS = 4


def environment(env_id: str, **arguments: Any) -> AgentEnvironment:
    given = {"renderer": "raycast", "observation": "state", **arguments}
    encoder = FakeDreamer() if "ViewPrediction" in env_id else None
    return make_environment(env_id, ROWS, given, encoder=encoder)


def play(made: AgentEnvironment, strategy: Predictor, episodes: int, seed: int = 5) -> Evaluation:
    return evaluate(strategy, made.bridge, episodes, seed=seed)


@pytest.mark.parametrize(
    "env_id",
    [
        "GQNShepard-v0",
        "GQNShepardContinuous-v0",
        "GQNShepardMentalRotation-v0",
        "GQNShepardMentalRotationContinuous-v0",
    ],
)
def test_one_view_is_enough_for_the_right_answer(env_id: str) -> None:
    made = environment(env_id)
    strategy = ideal_agent(made)
    assert strategy is not None
    evaluation = play(made, strategy, 8)
    assert evaluation.accuracy == 1.0
    assert evaluation.looks == 1.0
    made.close()


@pytest.mark.parametrize("options", [{"angles": [70.0]}, {"angles": "random"}])
def test_it_knows_trials_as_psychologists_choose_them(options: dict[str, Any]) -> None:
    given = {"camera": "fixed", "elevation": (20, 40), "glimpses": 1, **options}
    made = environment("GQNShepardMentalRotation-v0", **given)
    strategy = ideal_agent(made)
    assert strategy is not None
    assert play(made, strategy, 4).accuracy >= 3 / 4  # a picture may leave it open
    made.close()


@pytest.mark.parametrize(
    "options", [{"rotation": "picture"}, {"appearance": {"edges": True}}, {"pixel_noise": 1.0}]
)
def test_it_knows_nothing_of_turns_in_the_picture_plane_other_looks_and_noise(
    options: dict[str, Any],
) -> None:
    made = environment("GQNShepardMentalRotation-v0", **options)
    assert ideal_agent(made) is None
    made.close()


@pytest.mark.parametrize(
    "env_id", ["GQNShepard-v0", pytest.param("GQNShepardViewPrediction-v0", marks=pytest.mark.slow)]
)
def test_it_finds_objects_that_stand_anywhere(env_id: str) -> None:
    made = environment(env_id, position="random")
    strategy = ideal_agent(made) or ideal_views(made, {row: [2] * 4 for row in range(ROWS)})
    assert strategy is not None
    played = play(made, strategy, ROWS)
    if made.is_graded:
        assert strategy.regraded(played).summary()["error"] < 20.0
    else:
        assert played.accuracy >= 3 / 4
    made.close()


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("GQNShepard-v0", {"orientation": "free"}),
        ("GQNShepardMentalRotation-v0", {}),
        ("GQNShepardViewPrediction-v0", {"orientation": "free"}),
    ],
)
def test_it_knows_no_turned_grids_that_stand_anywhere(env_id: str, options: dict[str, Any]) -> None:
    made = environment(env_id, position="random", **options)
    assert ideal_agent(made) is None
    assert ideal_views(made, {}) is None
    made.close()


@pytest.mark.parametrize("control", ["", "Continuous"])
def test_it_looks_on_where_a_view_leaves_the_answer_open(control: str) -> None:
    difficult = {"image_size": 8, "shapes": "all", "gallery_size": 310, "gallery": "confusable"}
    made = environment(f"GQNShepard{control}-v0", max_looks=3, **difficult)
    strategy = ideal_agent(made)
    assert strategy is not None
    evaluation = play(made, strategy, 16)
    assert 1.0 < evaluation.looks <= 3.0
    assert evaluation.accuracy > 0.9
    made.close()


def test_the_view_it_takes_is_the_one_that_is_expected_to_tell_most() -> None:
    difficult = {"image_size": 8, "shapes": "all", "gallery_size": 310, "gallery": "confusable"}
    made = environment("GQNShepard-v0", **difficult)
    strategy = ideal_agent(made)
    assert strategy is not None
    made.bridge.seed(1)
    observation: Any = made.bridge.reset()
    compared = 0
    for _ in range(10):
        before = angles_of(observation["viewpoint"])
        actions, state = strategy.predict(observation, None, np.ones(ROWS, bool))
        for row, action in enumerate(actions):
            if action < 4:
                moved = before[np.full(4, row)].turned(made.control.turns)
                told = state[row].expected_information(moved.viewpoints(), "shape")
                assert told[action] == told.max()
                compared += told.max() > told.min()
        observation = made.bridge.reset()
    assert compared
    made.close()


def test_what_stands_beside_a_reference_is_among_the_hypotheses(rng: np.random.Generator) -> None:
    task: Any = make_task("mental_rotation", shapes="test")
    trials = task.sample(rng, 12)
    mirror = shape_catalogue(7).mirror
    for row in range(len(trials)):
        views = task.cue_views
        reference = trials.reference[np.full(len(views), row)]
        seen = IdealObserver(7, "free").observe(RaycastRenderer().render(reference, views), views)
        hypotheses = turned_and_mirrored(seen, ANGLES)
        assert np.exp(hypotheses.log_prior).sum() > 1  # 20 for each reference
        truth = is_truth(hypotheses, trials.scenes[row : row + 1], tolerance=0.02)
        assert truth.any()
        shape = int(seen.shapes().argmax())
        named = {int(s) for s in hypotheses.shape[truth]}
        assert named == {int(mirror[shape]) if trials.target[row] else shape}


@pytest.mark.parametrize("control", ["", "Continuous"])
def test_view_prediction_is_graded_by_its_own_pictures_at_given_looks(control: str) -> None:
    made = environment(f"GQNShepardViewPrediction{control}-v0", max_looks=5)
    looks = {0: [1, 4], 1: [3, 3], 2: [5, 1], 3: [2, 4]}
    strategy = ideal_views(made, looks)
    assert strategy is not None
    played = play(made, strategy, 2 * ROWS)
    regraded = strategy.regraded(played)
    assert looks_of(regraded) == looks
    every = [chain.from_iterable(e.by_row().values()) for e in (regraded, played)]
    for mine, theirs in zip(*every, strict=True):
        assert mine.error is not None
        assert theirs.error is not None
        assert mine.error < 0.5 * theirs.error
        assert mine.first_error == theirs.first_error
        errors = QueryErrors(np.array([mine.first_error]), np.array([mine.error]))
        outcome = made.task.score(made.native.unwrapped.trials, np.zeros(1, np.int64), errors)  # type: ignore[attr-defined]
        assert mine.reward == pytest.approx(outcome.reward[0] - 0.02 * (mine.looks - 1))
    made.close()


def test_it_predicts_better_with_views_of_its_own_choice_than_after_one() -> None:
    made = environment("GQNShepardViewPrediction-v0")
    errors = {}
    for count in (1, 3):
        strategy = ideal_views(made, {row: [count] * 10 for row in range(ROWS)})
        assert strategy is not None
        errors[count] = strategy.regraded(play(made, strategy, 10 * ROWS)).summary()["error"]
    assert errors[3] < 0.5 * errors[1]
    made.close()


def test_it_is_measured_for_every_task_it_knows_and_for_no_other() -> None:
    for env_id in ("GQNShepard-v0", "GQNShepardViewPrediction-v0"):
        made = environment(env_id)
        simple = view_strategies(made.control, made.task.clearance, {}, 0)["random views"]
        agent = play(made, simple, 4) if made.is_graded else Evaluation([])
        found = measured_ideal(made, agent, lambda name, s, made=made: play(made, s, 4))
        assert set(found) == {IDEAL}
        assert found[IDEAL]["episodes"] == 4
        made.close()


@pytest.mark.parametrize("env_id", ["GQNShepardMentalRotation-v0", "GQNShepardViewPrediction-v0"])
def test_objects_of_ten_cubes_that_no_gallery_lists_have_no_ideal_observer(env_id: str) -> None:
    made = environment(env_id, num_cubes=10)
    assert ideal_agent(made) is None
    assert ideal_views(made, {}) is None
    made.close()


@pytest.mark.parametrize("options", [{"num_cubes": 10}, {"field_of_view": 8.0}])
def test_it_knows_galleries_of_ten_cubes_and_cameras_that_see_a_part(
    options: dict[str, Any],
) -> None:
    made = environment("GQNShepard-v0", gallery="confusable", **options)
    strategy = ideal_agent(made)
    assert strategy is not None
    assert play(made, strategy, 2 * ROWS).accuracy == 1.0
    made.close()


def test_where_looking_pays_it_is_told_what_other_views_would_take() -> None:
    made = environment("GQNShepardKeyhole-v0")
    found = measured_ideal(made, Evaluation([]), lambda name, s: play(made, s, ROWS))
    assert set(found) == {IDEAL, f"{IDEAL}, farthest views", f"{IDEAL}, random views"}
    assert found[IDEAL]["looks"] > 1.5
    made.close()


def test_where_a_view_tells_all_nobody_is_asked_about_others() -> None:
    made = environment("GQNShepard-v0")
    found = measured_ideal(made, Evaluation([]), lambda name, s: play(made, s, ROWS))
    assert set(found) == {IDEAL}
    made.close()


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("GQNShepard-v0", {"position": "random"}),
        ("GQNShepard-v0", {"orientation": "free"}),
        ("GQNShepardMentalRotation-v0", {}),
    ],
)
def test_it_knows_cameras_that_see_a_part_of_centred_grids_alone(
    env_id: str, options: dict[str, Any]
) -> None:
    made = environment(env_id, field_of_view=8.0, **options)
    assert ideal_agent(made) is None
    made.close()


def test_given_objects_are_recognised(tmp_path: Path) -> None:
    objects = [
        ShepardMetzlerObject.from_directions(text) for text in ("uuurbb", "uuulbb", "rruubb")
    ]
    write_objects(tmp_path / "mine.txt", objects)
    made = environment("GQNShepard-v0", shapes=str(tmp_path / "mine.txt"))
    strategy = ideal_agent(made)
    assert strategy is not None
    assert play(made, strategy, 6).accuracy == 1.0
    made.close()


def test_another_task_has_no_ideal_observer(monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(type(make_task("recognition"))):  # type: ignore[misc]
        """A task of somebody else's."""

    made = environment("GQNShepard-v0")
    monkeypatch.setattr(made.native.unwrapped._rows, "task", Other())  # type: ignore[attr-defined]
    assert ideal_agent(made) is None
    assert ideal_views(made, {}) is None
    assert measured_ideal(made, Evaluation([]), lambda name, strategy: Evaluation([])) == {}
    made.close()
