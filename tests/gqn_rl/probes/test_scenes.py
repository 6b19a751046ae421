"""Scenes of probes: nothing but the answer tells the answer, and nothing is seen twice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from envs.tasks.recognition import RecognitionTask
from gqn_rl.errors import UserError
from gqn_rl.probes.scenes import ProbeScenes, ProbeTrials, gallery_shapes, mirror_families
from gqn_rl.scenes.shape_catalogue import SHAPES, shape_catalogue
from gqn_rl.scenes.shepard_metzler import canonical_forms

PARTS = pytest.mark.parametrize("part", ["train", "test"])


@pytest.mark.parametrize("shapes", SHAPES)
def test_gallery_is_that_of_the_recognition_task(shapes: str) -> None:
    task = RecognitionTask(shapes=shapes)
    assert (gallery_shapes(7, shapes, 10) == task.gallery).all()


def test_gallery_larger_than_the_shapes_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="gallery_size is 1000"):
        gallery_shapes(7, "test", 1000)


def forms_of_scenes(trials: ProbeTrials) -> np.ndarray:
    grid = np.rint(trials.scenes.cubes - trials.scenes.cubes[:, :1]).astype(np.int8)
    return canonical_forms(grid)


def forms_of_shapes(shapes: np.ndarray) -> np.ndarray:
    catalogue = shape_catalogue(7)
    return canonical_forms(np.stack([catalogue.representative(int(s)).cubes for s in shapes]))


@PARTS
@pytest.mark.parametrize("sample", [ProbeScenes.gallery, ProbeScenes.mirror_pairs])
def test_scenes_show_the_shapes_they_say(sample, part: str, rng: np.random.Generator) -> None:
    trials = sample(ProbeScenes(orientation="free"), rng, 60, part)
    assert len(trials.scenes) == len(trials.shape) == 60
    np.testing.assert_array_equal(forms_of_scenes(trials), forms_of_shapes(trials.shape))


def test_gallery_trials_are_scenes_of_every_gallery_shape(rng: np.random.Generator) -> None:
    scenes = ProbeScenes(shapes="validation")
    trials = scenes.gallery(rng, 500, "test")
    np.testing.assert_array_equal(trials.rows[:, 0], np.arange(500))
    count = np.array([(trials.shape == shape).sum() for shape in scenes.gallery_shapes])
    assert count.sum() == 500
    assert stats.chisquare(count).pvalue > 0.01


@PARTS
@pytest.mark.parametrize("n", [8, 101, 600])
def test_mirror_trials_are_balanced(part: str, n: int, rng: np.random.Generator) -> None:
    trials = ProbeScenes().mirror_pairs(rng, n, part)
    assert abs(2 * trials.mirrored.sum() - len(trials)) <= 1
    assert len(trials) >= n // 2


@PARTS
def test_a_mirror_trial_compares_a_shape_with_itself_or_its_mirror_image(
    part: str, rng: np.random.Generator
) -> None:
    trials = ProbeScenes().mirror_pairs(rng, 400, part)
    catalogue = shape_catalogue(7)
    first, second = trials.shape[trials.rows].T
    assert catalogue.is_chiral[first].all()
    expected = np.where(trials.mirrored, catalogue.mirror[first], first)
    np.testing.assert_array_equal(second, expected)
    assert (trials.rows[:, 0] != trials.rows[:, 1]).all()  # never a scene with itself


@PARTS
def test_one_scene_of_a_pair_does_not_tell_the_answer(part: str, rng: np.random.Generator) -> None:
    trials = ProbeScenes().mirror_pairs(rng, 4000, part)
    catalogue = shape_catalogue(7)
    for scene in trials.rows.T:
        left = trials.shape[scene] < catalogue.mirror[trials.shape[scene]]
        table = [[(left & (trials.mirrored == m)).sum(), (~left & (trials.mirrored == m)).sum()]
                 for m in (False, True)]  # fmt: skip
        assert stats.chi2_contingency(table).pvalue > 0.001


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_colours_and_orientations_of_a_pair_are_independent(
    orientation: str, rng: np.random.Generator
) -> None:
    trials = ProbeScenes(orientation=orientation).mirror_pairs(rng, 4000, "test")
    first, second = trials.rows.T
    for values in (trials.scenes.colour, trials.scenes.rotation):
        a, b = values[first].reshape(len(trials), -1), values[second].reshape(len(trials), -1)
        for one, other in zip(a.T, b.T, strict=True):
            assert abs(np.corrcoef(one, other)[0, 1]) < 0.09


def test_angle_is_that_between_the_rotations(rng: np.random.Generator) -> None:
    grid = ProbeScenes().mirror_pairs(rng, 2000, "test")
    angles, count = np.unique(np.round(grid.angle), return_counts=True)
    assert angles.tolist() == [0, 90, 120, 180]
    expected = len(grid) * np.array([1, 6, 8, 9]) / 24
    assert stats.chisquare(count, expected).pvalue > 0.01
    assert stats.ttest_ind(grid.angle[grid.mirrored], grid.angle[~grid.mirrored]).pvalue > 0.01
    free = ProbeScenes(orientation="free").mirror_pairs(rng, 2000, "test")
    same = free.where(~free.mirrored)
    turn = np.swapaxes(same.scenes.rotation[same.rows[:, 0]], 1, 2)
    turn = turn @ same.scenes.rotation[same.rows[:, 1]]
    np.testing.assert_allclose(
        np.trace(turn, axis1=1, axis2=2), 1 + 2 * np.cos(np.radians(same.angle)), atol=1e-9
    )


def test_test_trials_share_no_scene(rng: np.random.Generator) -> None:
    trials = ProbeScenes().mirror_pairs(rng, 200, "test")
    assert len(trials) == 100
    assert len(np.unique(trials.rows)) == 200


def test_training_compares_every_scene_with_several(rng: np.random.Generator) -> None:
    trials = ProbeScenes().mirror_pairs(rng, 600, "train")
    used, count = np.unique(trials.rows, return_counts=True)
    assert len(used) > 570
    assert count.mean() > 3
    catalogue = shape_catalogue(7)
    first = trials.shape[trials.rows[:, 0]]
    families = np.minimum(first, catalogue.mirror[first])
    for group in np.unique(trials.groups):  # a group is a family, so groups share no shape
        assert len(np.unique(families[trials.groups == group])) == 1
    assert len(np.unique(trials.groups)) == len(np.unique(families))


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("num_cubes", [6, 7])
def test_a_probe_is_trained_and_tested_on_different_shapes(num_cubes: int, shapes: str) -> None:
    catalogue = shape_catalogue(num_cubes)
    train, test = (mirror_families(num_cubes, shapes, part) for part in ("train", "test"))
    assert not set(train.ravel().tolist()) & set(test.ravel().tolist())
    np.testing.assert_array_equal(catalogue.mirror[test[:, 0]], test[:, 1])
    assert set(test.ravel().tolist()) <= set(catalogue.indices(shapes).tolist())
    if shapes in ("validation", "test"):
        assert set(train.ravel().tolist()) <= set(catalogue.indices("train").tolist())


def test_too_few_chiral_shapes_are_refused() -> None:
    with pytest.raises(UserError, match=r"num_cubes=4 have too few chiral shapes"):
        mirror_families(4, "all", "test")
