"""Batches of scenes on disk: every scene once, the same again, and rows of them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

from gqn_rl.data.shards import make_shard
from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from tests.gqn_rl.data.shard_folder import DESCRIPTION, RENDERER, reader, write_folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SceneViews]:
    """A folder of ten scenes, and the scenes."""
    folder = tmp_path_factory.mktemp("data")
    return folder, write_folder(folder)


def test_shards_are_functions_of_seed_and_index() -> None:
    whole = make_shard(RENDERER, DESCRIPTION, 1, 4)
    part = make_shard(RENDERER, DESCRIPTION, 1, 2)
    np.testing.assert_array_equal(part.images, whole.images[:2])
    np.testing.assert_array_equal(part.viewpoints, whole.viewpoints[:2])
    for other in (
        make_shard(RENDERER, DESCRIPTION, 2, 4),
        make_shard(RENDERER, replace(DESCRIPTION, seed=4), 1, 4),
    ):
        assert not np.array_equal(other.viewpoints, whole.viewpoints)


def test_each_scene_comes_once_per_epoch_with_its_own_views(
    written: tuple[Path, SceneViews],
) -> None:
    folder, scenes = written
    batches = reader(folder, batch_size=5)
    seen = np.concatenate([batches.scene_numbers(k) for k in range(4)])
    assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
    assert seen[:10].tolist() != seen[10:].tolist()
    for k in range(4):
        batch = batches[k]
        assert batch.images.shape == (5, 2, 16, 16, 3)
        assert batch.images.dtype == np.uint8
        assert batch.viewpoints.dtype == np.float32
        for row, scene in enumerate(batches.scene_numbers(k)):
            found = [
                np.flatnonzero((scenes.viewpoints[scene] == pose).all(-1)).item()
                for pose in batch.viewpoints[row]
            ]
            assert len(set(found)) == 2, "no view twice"
            np.testing.assert_array_equal(batch.images[row], scenes.images[scene, found])


def test_all_views_get_their_turn_at_every_place(written: tuple[Path, SceneViews]) -> None:
    folder, scenes = written
    places: dict[int, set[int]] = {0: set(), 1: set()}
    for batch in (reader(folder)[k] for k in range(20)):
        for poses in batch.viewpoints:
            for place, pose in enumerate(poses):
                match = (scenes.viewpoints == pose).all(-1)
                places[place].add(int(np.argwhere(match)[0, 1]))
    assert places == {0: {0, 1, 2, 3}, 1: {0, 1, 2, 3}}


def test_batch_k_depends_on_seed_and_k_alone(written: tuple[Path, SceneViews]) -> None:
    folder, _ = written
    batches = reader(folder)
    whole = [batches[k] for k in range(6)]
    again = pickle.loads(pickle.dumps(reader(folder)))
    for workers in (0, 1):
        loader = DataLoader(again, batch_size=None, sampler=range(2, 6), num_workers=workers)
        for k, batch in enumerate(loader, start=2):
            np.testing.assert_array_equal(batch.images, whole[k].images)
            np.testing.assert_array_equal(batch.viewpoints, whole[k].viewpoints)
    assert not np.array_equal(reader(folder, seed=1)[0].viewpoints, whole[0].viewpoints)


@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, 4), slice(3, None, -2), slice(None)])
def test_rows_of_a_batch_are_what_slicing_it_gives(
    written: tuple[Path, SceneViews], rows: slice
) -> None:
    """So a process of a data-parallel run can read its own share alone."""
    whole = reader(written[0], batch_size=4)
    part = reader(written[0], batch_size=4, rows=rows)
    for k in range(6):
        np.testing.assert_array_equal(part[k].images, whole[k].images[rows])
        np.testing.assert_array_equal(part[k].viewpoints, whole[k].viewpoints[rows])


def test_no_rows_at_all_are_a_mistake(written: tuple[Path, SceneViews]) -> None:
    with pytest.raises(ValueError, match="expected some of 3"):
        reader(written[0], rows=slice(3, 9))


def test_all_views_and_all_scenes_can_be_asked_for(written: tuple[Path, SceneViews]) -> None:
    batch = reader(written[0], batch_size=10, num_views=4)[0]
    assert batch.images.shape[:2] == (10, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 11}, "batch_size is 11, expected 1 to 10"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"num_views": 5}, "num_views is 5, expected 1 to 4"),
    ],
)
def test_more_than_there_is_cannot_be_asked_for(
    written: tuple[Path, SceneViews], changes: dict[str, int], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        reader(written[0], **changes)
