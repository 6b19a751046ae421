"""Scenes on disk: what is written comes back, what does not fit is refused."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from torch.utils.data import DataLoader

from gqn_rl.data.shards import (
    DataDescription,
    ShardBatches,
    make_shard,
    read_header,
    read_headers,
    shard_path,
    write_shard,
)
from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer

RENDERER = make_renderer("raycast", 16)
DESCRIPTION = DataDescription(num_views=4, scenes_per_shard=4, seed=3)
COUNTS = (4, 4, 2)


def write(folder: Path, index: int, count: int = 4, seed: int = 3) -> SceneViews:
    description = replace(DESCRIPTION, seed=seed)
    views = make_shard(RENDERER, description, index, count)
    identity = RENDERER.identity
    write_shard(folder, views, description=description, index=index, identity=identity)
    return views


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SceneViews]:
    """A folder of ten scenes, and the scenes."""
    folder = tmp_path_factory.mktemp("data")
    parts = [write(folder, index, count) for index, count in enumerate(COUNTS)]
    images = np.concatenate([part.images for part in parts])
    return folder, SceneViews(images, np.concatenate([part.viewpoints for part in parts]))


@pytest.fixture
def folder(written: tuple[Path, SceneViews], tmp_path: Path) -> Path:
    """A copy to do harm to."""
    return Path(shutil.copytree(written[0], tmp_path / "data"))


def reader(folder: Path, **changes: int) -> ShardBatches:
    options = {"batch_size": 3, "num_views": 2, "num_batches": 50, "seed": 0} | changes
    return ShardBatches(folder, RENDERER.identity, **options)


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


def test_headers_say_what_the_files_hold(written: tuple[Path, SceneViews]) -> None:
    shards = read_headers(written[0], RENDERER.identity)
    assert [shard.num_scenes for shard in shards] == list(COUNTS)
    assert [shard.index for shard in shards] == [0, 1, 2]
    assert {shard.description for shard in shards} == {DESCRIPTION}
    assert shards[0].renderer == RENDERER.identity.to_dict()


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


def test_all_views_and_all_scenes_can_be_asked_for(written: tuple[Path, SceneViews]) -> None:
    batch = reader(written[0], batch_size=10, num_views=4)[0]
    assert batch.images.shape[:2] == (10, 4)


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="np") as file:
        return dict(file.metadata())


def edit(**changes: object) -> Callable[[Path], None]:
    """Rewrites the metadata of the second shard."""

    def change(folder: Path) -> None:
        path = shard_path(folder, 1)
        texts = metadata(path)
        about = json.loads(texts["shard"])
        for key, value in changes.items():
            about[key] = about[key] | value if isinstance(value, dict) else value
        save_file(load_file(path), path, metadata={"shard": json.dumps(about)})

    return change


def truncate(folder: Path) -> None:
    path = shard_path(folder, 1)
    path.write_bytes(path.read_bytes()[:-1])


def drop_poses(folder: Path) -> None:
    path = shard_path(folder, 1)
    save_file({"images": load_file(path)["images"]}, path, metadata=metadata(path))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "truncated"),
        (lambda f: shard_path(f, 1).write_bytes(b"not tensors at all"), "not a safetensors file"),
        (lambda f: save_file({"x": np.zeros(3)}, shard_path(f, 1)), "format None"),
        (edit(format="gqn_rl.shard/9"), "gqn_rl.shard/9"),
        (edit(description="seven cubes"), "does not say what it holds"),
        (edit(description={"depth": 3}), "does not say what it holds"),
        (drop_poses, "holds"),
        (edit(renderer={"look": "shiny"}), "look='shiny'"),
        (edit(renderer={"ambient": 0.1}), "ambient=0.1"),
        (edit(camera="y-up"), "camera convention 'y-up'"),
        (edit(description={"seed": 9}), "seed=9"),
        (edit(index=7), "is shard 7"),
        (lambda f: shard_path(f, 0).unlink(), "should come here"),
    ],
)
def test_unusable_shards_are_one_clear_line_that_names_the_file(
    folder: Path, damage: Callable[[Path], None], message: str
) -> None:
    damage(folder)
    with pytest.raises(UserError, match=message) as refusal:
        reader(folder)
    assert "shard-00001.safetensors" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_pictures_of_another_size_are_refused(written: tuple[Path, SceneViews]) -> None:
    identity = make_renderer("raycast", 32).identity
    with pytest.raises(UserError, match="image_size=16, but the renderer has image_size=32"):
        read_headers(written[0], identity)


def test_pictures_of_the_twin_renderer_are_welcome(written: tuple[Path, SceneViews]) -> None:
    read_headers(written[0], replace(RENDERER.identity, name="pybullet", version="3"))


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


def test_folders_without_data_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name in ("empty", "file", "missing"):
        with pytest.raises(UserError, match=f"no data in .*{name}"):
            reader(tmp_path / name)


def test_a_file_that_vanishes_later_is_one_clear_line(folder: Path) -> None:
    batches = reader(folder, batch_size=10)
    truncate(folder)
    with pytest.raises(UserError, match=r"shard-00001\.safetensors cannot be read any more"):
        batches[0]


def test_other_files_in_the_folder_do_no_harm(folder: Path) -> None:
    (folder / "dataset.json").write_text("{}")
    (folder / ".shard-00003.abc.tmp.safetensors").write_text("left by a kill")
    assert reader(folder).num_scenes == 10


def test_writing_is_atomic(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: str, target: str) -> None:
        raise OSError("No space left on device")

    before = shard_path(folder, 0).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(OSError, match="space"):
            write(folder, 0, seed=8)
    assert shard_path(folder, 0).read_bytes() == before
    assert read_header(shard_path(folder, 0)).description == DESCRIPTION


@pytest.mark.parametrize(
    "change", [{"num_views": 0}, {"scenes_per_shard": 0}, {"seed": -1}, {"free_fraction": 2.0}]
)
def test_impossible_descriptions_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UserError, match=next(iter(change))):
        DataDescription(**change)  # type: ignore[arg-type]
