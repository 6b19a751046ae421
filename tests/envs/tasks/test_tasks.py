"""What every task promises, without a single image."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from envs.rows.view_store import ViewStore
from envs.tasks import NO_ANSWER, TASKS, AnswerTask, QueryErrors, Trials, make_task
from gqn_rl.entry_points import find
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer

TRIALS = 20_000
OPTIONS = {
    "recognition": [
        {},
        {"gallery_size": 2},
        {"gallery_size": 252},
        {"gallery_size": 25, "gallery": "confusable", "orientation": "free"},
        {"shapes": "test", "num_cubes": 6, "gallery_size": 4},
    ],
    "mental_rotation": [
        {},
        {"colours": "independent"},
        {"shapes": "all", "num_cubes": 4},
    ],
    "view_prediction": [{}, {"shapes": "test", "orientation": "free"}],
}


VARIANTS = [(name, options) for name in TASKS for options in OPTIONS[name]]
ANSWER_VARIANTS = [
    (name, options)
    for name, options in VARIANTS
    if issubclass(find("task", name, TASKS), AnswerTask)
]


def label(variant):
    return f"{variant[0]}-{variant[1]}"


@pytest.fixture(params=VARIANTS, ids=label)
def task(request):
    name, options = request.param
    return make_task(name, **options)


@pytest.fixture(params=ANSWER_VARIANTS, ids=label)
def answer_task(request):
    name, options = request.param
    return make_task(name, **options)


def test_trials_become_arrays_and_trials_again(task):
    trials = task.sample(np.random.default_rng(3), 5)
    arrays = trials.to_arrays()
    again = Trials.from_arrays({name: array.copy() for name, array in arrays.items()})
    assert (again.reference is None, again.query is None) == (
        trials.reference is None,
        trials.query is None,
    )
    copied = again.to_arrays()
    assert copied.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(copied[name], array)
        assert copied[name].dtype == array.dtype
    again.target[:] = -5
    np.testing.assert_array_equal(trials.to_arrays()["target"], arrays["target"])


def test_targets_are_uniform_over_the_answers(task):
    targets = task.sample(np.random.default_rng(0), TRIALS).target
    counts = np.bincount(targets, minlength=task.num_answers)
    expected = TRIALS / task.num_answers
    assert len(counts) == task.num_answers
    assert (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("strategy", ["constant", "random"])
def test_answering_blindly_is_at_chance(answer_task, strategy):
    rng = np.random.default_rng(1)
    trials = answer_task.sample(rng, TRIALS)
    random = rng.integers(answer_task.num_answers, size=TRIALS)
    last = np.full(TRIALS, answer_task.num_answers - 1)
    outcome = answer_task.score(trials, random if strategy == "random" else last)
    chance = 1 / answer_task.num_answers
    # Five standard deviations of the binomial distribution.
    tolerance = 5 * np.sqrt(chance * (1 - chance) / TRIALS)
    assert abs(outcome.success.mean() - chance) < tolerance
    assert abs(outcome.reward.mean() - (2 * chance - 1)) < 2 * tolerance


def test_the_target_and_nothing_else_is_right(answer_task):
    trials = answer_task.sample(np.random.default_rng(2), 100)
    right = answer_task.score(trials, trials.target)
    assert right.success.all()
    assert (right.reward == 1.0).all()
    for other in ((trials.target + 1) % answer_task.num_answers, np.full(100, NO_ANSWER)):
        wrong = answer_task.score(trials, other)
        assert not wrong.success.any()
        assert (wrong.reward == -1.0).all()


def test_no_answer_is_the_worst_that_can_happen(task):
    trials = task.sample(np.random.default_rng(2), 50)
    errors = QueryErrors(np.full(50, 20.0), np.full(50, -1.0)) if task.has_query else None
    outcome = task.score(trials, np.full(50, NO_ANSWER), errors)
    assert not outcome.success.any()
    assert (outcome.reward == -1.0).all()


def test_trials_depend_on_the_generator_alone(task):
    first, again, other = (task.sample(np.random.default_rng(s), 50) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.target, again.target)
    np.testing.assert_array_equal(first.scenes.colour, again.scenes.colour)
    np.testing.assert_array_equal(first.scenes.rotation, again.scenes.rotation)
    assert not np.array_equal(first.scenes.colour, other.scenes.colour)


def test_cues_lie_in_their_space_and_references_are_where_there_are_views_of_them(task):
    trials = task.sample(np.random.default_rng(5), 50)
    assert (trials.cue is not None) == (task.cue is not None)
    assert (trials.reference is not None) == (task.cue_views is not None)
    assert (trials.query is not None) == task.has_query
    assert task.cue is None or task.cue_views is None
    if task.cue is not None:
        assert isinstance(task.cue, spaces.Box)
        assert all(cue in task.cue for cue in trials.cue)


def test_answers_have_names(task):
    names = [task.answer_name(answer) for answer in range(task.num_answers)]
    assert all(names)
    assert len(set(names)) == task.num_answers


def test_selecting_and_joining_trials_keeps_all_that_belongs_together(task):
    trials = task.sample(np.random.default_rng(6), 8)
    mask = np.arange(8) % 3 == 0
    new = task.sample(np.random.default_rng(7), int(mask.sum()))
    mixed = trials.replaced(mask, new)
    for part, expected in ((mixed[mask], new), (mixed[~mask], trials[~mask])):
        np.testing.assert_array_equal(part.target, expected.target)
        np.testing.assert_array_equal(part.scenes.colour, expected.scenes.colour)
        if expected.reference is not None:
            np.testing.assert_array_equal(part.reference.rotation, expected.reference.rotation)
        if expected.query is not None:
            np.testing.assert_array_equal(part.query.stacked(), expected.query.stacked())
        for key, value in expected.details.items():
            np.testing.assert_array_equal(part.details[key], value)


def test_parts_of_different_lengths_are_no_trials():
    trials = make_task("mental_rotation").sample(np.random.default_rng(0), 3)
    with pytest.raises(ValueError, match="3 targets, but 2 of angle"):
        Trials(trials.scenes, trials.target, details={"angle": np.zeros(2)})
    with pytest.raises(ValueError, match="3 targets, but 1 of reference"):
        Trials(trials.scenes, trials.target, reference=trials.scenes[:1])


def test_every_task_can_be_sampled_and_scored_without_a_renderer(task, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("drawn")

    monkeypatch.setattr(ViewStore, "draw", refuse)
    monkeypatch.setattr(type(make_renderer()), "render", refuse)
    trials = task.sample(np.random.default_rng(0), 10)
    errors = QueryErrors(np.full(10, 20.0), np.full(10, 10.0)) if task.has_query else None
    assert len(task.score(trials, trials.target, errors).reward) == 10


@pytest.mark.parametrize("name", list(TASKS))
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": "exam"}, "'exam'.*'train'"),
        ({"orientation": "upside down"}, "upside down"),
        ({"num_cubes": 50}, "num_cubes is 50"),
        ({"num_cubes": 5}, "num_cubes=5"),
        ({"galery_size": 10}, "unexpected keyword argument 'galery_size'"),
    ],
)
def test_bad_options_are_refused_in_one_line(name, options, message):
    with pytest.raises(UserError, match=message) as caught:
        make_task(name, **options)
    assert "\n" not in str(caught.value)


def test_an_unknown_task_lists_the_known():
    with pytest.raises(UserError, match=r"'telepathy'.*'recognition'"):
        make_task("telepathy")
