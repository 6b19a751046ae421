"""Scenes on disk: what is written comes back, what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

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
from tests.gqn_rl.data.shard_folder import (
    COUNTS,
    DESCRIPTION,
    RENDERER,
    reader,
    write,
    write_folder,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SceneViews]:
    """A folder of ten scenes, and the scenes."""
    folder = tmp_path_factory.mktemp("data")
    return folder, write_folder(folder)


@pytest.fixture
def folder(written: tuple[Path, SceneViews], tmp_path: Path) -> Path:
    """A copy to do harm to."""
    return Path(shutil.copytree(written[0], tmp_path / "data"))


def test_headers_say_what_the_files_hold(written: tuple[Path, SceneViews]) -> None:
    shards = read_headers(written[0], RENDERER.identity)
    assert [shard.num_scenes for shard in shards] == list(COUNTS)
    assert [shard.index for shard in shards] == [0, 1, 2]
    assert {shard.description for shard in shards} == {DESCRIPTION}
    assert shards[0].renderer == RENDERER.identity.to_dict()


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


def change_poses(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Rewrites the poses of the second shard."""

    def change(folder: Path) -> None:
        path = shard_path(folder, 1)
        tensors = load_file(path)
        tensors["viewpoints"] = function(tensors["viewpoints"])
        save_file(tensors, path, metadata=metadata(path))

    return change


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
        (edit(source="imagenet"), "does not say what it holds"),
        (change_poses(lambda poses: poses.astype(np.float64)), "F64"),
        (change_poses(lambda poses: poses.astype(np.float16)), "F16"),
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


def spoil(column: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    def function(poses: np.ndarray) -> np.ndarray:
        poses[2, 1, column] = value
        return poses

    return function


@pytest.mark.parametrize(
    ("column", "value"), [(0, np.nan), (2, -np.inf), (3, np.nan), (4, 1e6), (6, 2.0)]
)
def test_poses_that_are_none_are_refused_when_they_are_read(
    folder: Path, column: int, value: float
) -> None:
    change_poses(spoil(column, value))(folder)
    with pytest.raises(UserError, match=r"shard-00001\.safetensors has a pose that is none: sc"):
        reader(folder, batch_size=10, num_views=4)[0]


def test_shards_of_before_sources_were_named_are_read(folder: Path) -> None:
    """As they were written then: no source, by the library's own function."""
    before = reader(folder)[3]
    for path in sorted(folder.iterdir()):
        about = json.loads(metadata(path)["shard"])
        old = {k: about[k] for k in ("format", "description", "index", "renderer", "camera")}
        save_file(load_file(path), path, metadata={"shard": json.dumps(old)})
    after = reader(folder)[3]
    np.testing.assert_array_equal(after.images, before.images)
    np.testing.assert_array_equal(after.viewpoints, before.viewpoints)


def test_headers_are_the_same_to_the_library(folder: Path) -> None:
    """Our writer, which needs no scene count beforehand, makes files like the library's own."""
    path = shard_path(folder, 1)
    ours, about = load_file(path), metadata(path)
    save_file(ours, path, metadata=about)
    theirs = load_file(path)
    for name in ("images", "viewpoints"):
        assert ours[name].dtype == theirs[name].dtype
        np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.parametrize("size", [9, 16])
def test_sizes_that_leave_poses_unaligned_are_no_matter(tmp_path: Path, size: int) -> None:
    renderer = make_renderer("raycast", size)
    description = DataDescription(num_views=1, scenes_per_shard=3)
    views = make_shard(renderer, description, 0, 3)
    identity = renderer.identity
    write_shard(tmp_path, views, description=description, index=0, identity=identity)
    batches = ShardBatches(tmp_path, identity, batch_size=3, num_views=1, num_batches=1, seed=0)
    order = batches.scene_numbers(0)
    np.testing.assert_array_equal(batches[0].images, views.images[order])
    np.testing.assert_array_equal(batches[0].viewpoints, views.viewpoints[order])


def test_without_an_identity_whatever_is_there_is_read(written: tuple[Path, SceneViews]) -> None:
    folder, _ = written
    options = {"batch_size": 3, "num_views": 2, "num_batches": 9, "seed": 0}
    batches = ShardBatches(folder, None, **options)
    assert batches.image_size == 16
    np.testing.assert_array_equal(batches[1].images, reader(folder)[1].images)


def test_pictures_are_not_mixed_without_an_identity_either(folder: Path) -> None:
    edit(renderer={"look": "shiny"})(folder)
    with pytest.raises(UserError, match=r"shard-00001.* was drawn with .*shiny.*flat-v1"):
        read_headers(folder)


def test_a_camera_convention_is_needed_without_an_identity_too(folder: Path) -> None:
    edit(camera="y-up")(folder)
    with pytest.raises(UserError, match="camera convention 'y-up'"):
        read_headers(folder)


def test_pictures_of_another_size_are_refused(written: tuple[Path, SceneViews]) -> None:
    identity = make_renderer("raycast", 32).identity
    with pytest.raises(UserError, match="image_size=16, but the renderer has image_size=32"):
        read_headers(written[0], identity)


def test_pictures_of_the_twin_renderer_are_welcome(written: tuple[Path, SceneViews]) -> None:
    read_headers(written[0], replace(RENDERER.identity, name="pybullet", version="3"))


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
