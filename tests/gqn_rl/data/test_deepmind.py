"""DeepMind's data sets: their table, their records, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from gqn_rl.data.deepmind import (
    DATASETS,
    DeepMindDataset,
    angles_to_origin,
    file_number,
    find_dataset,
    read_scenes,
    to_viewpoints,
)
from gqn_rl.data.tfrecord import RecordError, TFRecordReader
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import sample_on_sphere
from tests.gqn_rl.data.tfrecord_writer import (
    bytes_feature,
    example,
    float_feature,
    int64_feature,
    jpeg,
    sample_cameras,
    sample_frames,
    scene,
    write_records,
)

SMALL = DeepMindDataset("small", train_files=20, test_files=2, image_size=16, num_views=3)


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_scenes_of_every_data_set_come_back(
    tmp_path: Path, rng: np.random.Generator, dataset: DeepMindDataset
) -> None:
    frames, cameras = sample_frames(rng, dataset), sample_cameras(rng, dataset)
    payload = example(
        {
            "cameras": float_feature(cameras),
            "frames": bytes_feature([jpeg(frame) for frame in frames]),
        }
    )
    write_records(tmp_path / "file", [payload])
    (views,) = read_scenes(TFRecordReader(tmp_path / "file"), dataset)
    size = dataset.image_size
    assert views.images.shape == (dataset.num_views, size, size, 3)
    assert views.images.dtype == np.uint8
    assert np.abs(views.images.astype(int) - frames).max() <= 4, "as close as JPEG keeps them"
    received = np.column_stack([views.viewpoints.position, views.viewpoints.yaw])
    np.testing.assert_array_equal(received, cameras[:, :4])
    np.testing.assert_array_equal(views.viewpoints.pitch, cameras[:, 4])


def test_the_cosine_comes_first() -> None:
    """Where the predecessors differ between training and use: yaw 30 and pitch -60 degrees."""
    cameras = np.float32([[1, 2, 3, np.pi / 6, -np.pi / 3], [0, 0, 0, np.pi / 2, 0]])
    encoded = to_viewpoints(cameras.ravel()).encode()
    assert encoded.dtype == np.float32
    half, root = 0.5, np.sqrt(3) / 2
    expected = [[1, 2, 3, root, half, half, -root], [0, 0, 0, 0, 1, 1, 0]]
    np.testing.assert_allclose(encoded, expected, atol=1e-6)


def test_angles_are_those_between_view_and_origin(rng: np.random.Generator) -> None:
    looking = sample_on_sphere(rng, 50, radius=3.0)
    np.testing.assert_allclose(angles_to_origin(looking), 0.0, atol=1e-5)
    cameras = np.float32([[2, 0, 0, 0, 0], [2, 0, 0, np.pi / 2, 0], [2, 0, 0, np.pi, 0.5], [0] * 5])
    expected = [180.0, 90.0, np.degrees(0.5)]
    np.testing.assert_allclose(angles_to_origin(to_viewpoints(cameras)), expected, atol=1e-3)


def grey(size: int) -> bytes:
    return jpeg(np.zeros((size, size), np.uint8))


def as_png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def wrong(name: str) -> dict[str, bytes]:
    """The features of a scene of SMALL with one thing wrong."""
    rng = np.random.default_rng(0)
    image, cameras = sample_frames(rng, SMALL)[0], sample_cameras(rng, SMALL)
    frames = [jpeg(image)] * 3
    changes: dict[str, dict[str, bytes]] = {
        "two frames": {"frames": bytes_feature(frames[:2])},
        "four frames": {"frames": bytes_feature([*frames, frames[0]])},
        "two cameras": {"cameras": float_feature(cameras[:2])},
        "double cameras": {"cameras": bytes_feature([cameras.tobytes()])},
        "integer cameras": {"cameras": int64_feature([1] * 15)},
        "nan": {"cameras": float_feature(np.where(cameras == cameras[1, 2], np.nan, cameras))},
        "infinite": {"cameras": float_feature(np.where(cameras > 0, np.inf, cameras))},
        "float frames": {"frames": float_feature([1.0])},
        "other size": {"frames": bytes_feature([*frames[:2], jpeg(np.zeros((17, 16, 3), "u1"))])},
        "grey": {"frames": bytes_feature([grey(16), *frames[:2]])},
        "png": {"frames": bytes_feature([frames[0], as_png(image), frames[0]])},
        "cut": {"frames": bytes_feature([frames[0], frames[0][:-100], frames[0]])},
        "empty": {"frames": bytes_feature([b"", *frames[:2]])},
    }
    right = {"frames": bytes_feature(frames), "cameras": float_feature(cameras)}
    if name.startswith("no "):
        return {key: value for key, value in right.items() if key != name[3:]}
    return right | changes[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no frames", "it has no frames, expected a list of JPEG images"),
        ("no cameras", "it has no cameras, expected float32 numbers"),
        ("two frames", "2 frames, expected 3 in small"),
        ("four frames", "4 frames, expected 3 in small"),
        ("two cameras", "10 camera numbers, expected 15 in small"),
        ("double cameras", "cameras is a list of bytes"),
        ("integer cameras", "cameras is a list of int64"),
        ("nan", "not finite"),
        ("infinite", "not finite"),
        ("float frames", "frames is a list of float32"),
        ("other size", "frame 2 is RGB of 16x17 pixels, expected RGB of 16x16"),
        ("grey", "frame 0 is L of 16x16 pixels"),
        ("png", "frame 1 is not a JPEG image"),
        ("cut", "frame 1 is not a readable JPEG image"),
        ("empty", "frame 0 is not a JPEG image"),
    ],
)
def test_what_is_no_scene_of_the_set_names_file_and_offset(
    tmp_path: Path, rng: np.random.Generator, name: str, message: str
) -> None:
    good = scene(rng, SMALL)
    offsets = write_records(tmp_path / "file", [good, example(wrong(name)), good])
    with pytest.raises(RecordError) as refusal:
        list(read_scenes(TFRecordReader(tmp_path / "file"), SMALL))
    assert str(refusal.value).startswith(f"{tmp_path / 'file'}: record at byte {offsets[1]}: ")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
    reader = TFRecordReader(tmp_path / "file", skip_bad=True)
    assert len(list(read_scenes(reader, SMALL))) == 2
    assert [error.offset for error in reader.skipped] == [offsets[1]]


def test_sound_records_of_something_else_are_foreign(tmp_path: Path) -> None:
    """TensorBoard's logs are TFRecords, too, with CRCs that are right."""
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss", torch.tensor(1.0), 0)
    (path,) = tmp_path.iterdir()
    with pytest.raises(RecordError, match="record at byte 0: not a"):
        list(read_scenes(TFRecordReader(path), SMALL))
    reader = TFRecordReader(path, skip_bad=True)
    assert list(read_scenes(reader, SMALL)) == []
    assert len(reader.skipped) == len(list(TFRecordReader(path))) > 1


def test_random_jpeg_damage_raises_nothing_else(tmp_path: Path, rng: np.random.Generator) -> None:
    """With CRCs that are right: the payload was damaged before it was written."""
    whole, refused = scene(rng, SMALL), 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(int(rng.integers(1, 6))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
        write_records(tmp_path / "file", [bytes(data)])
        try:
            (views,) = read_scenes(TFRecordReader(tmp_path / "file"), SMALL)
        except RecordError:
            refused += 1
        else:
            assert views.images.shape == (3, 16, 16, 3)
    assert refused > 10


def test_files_are_named_as_in_the_bucket() -> None:
    sm7 = find_dataset("shepard_metzler_7_parts")
    assert sm7.file_name("train", 1) == "shepard_metzler_7_parts/train/001-of-900.tfrecord"
    assert sm7.file_name("test", 100) == "shepard_metzler_7_parts/test/100-of-100.tfrecord"
    jaco = find_dataset("jaco")
    assert jaco.file_name("train", 12) == "jaco/train/0012-of-3600.tfrecord"


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_numbers_and_names_of_files_are_inverse(dataset: DeepMindDataset, split: str) -> None:
    for number in (1, 9, 10, dataset.num_files(split)):
        name = dataset.file_name(split, number)
        assert file_number(Path("/data") / name, dataset, split) == number


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: find_dataset("mnist"), "unknown dataset 'mnist'; expected one of .*jaco"),
        (lambda: SMALL.num_files("val"), "unknown split 'val'"),
        (lambda: SMALL.file_name("train", 0), "shard 0 of small/train, expected 1 to 20"),
        (lambda: SMALL.file_name("test", 3), "shard 3 of small/test, expected 1 to 2"),
        (lambda: file_number(Path("x/01-of-20.tfrecord"), SMALL, "test"), "expected 1-of-2.tfr"),
        (lambda: file_number(Path("x/1-of-20.tfrecord"), SMALL, "train"), "expected 01-of-20"),
        (lambda: file_number(Path("x/21-of-20.tfrecord"), SMALL, "train"), "expected 01-of-20"),
        (lambda: file_number(Path("x/some.tfrecord"), SMALL, "train"), "expected 01-of-20"),
    ],
)
def test_what_is_not_in_the_table_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        call()
