"""The seven data sets that DeepMind released with the GQN paper.

A file <set>/<train|test>/<number>-of-<total>.tfrecord holds scenes as tf.train.Examples with the
features `frames`, one JPEG per view, and `cameras`, five float32 per view: x, y, z, yaw, pitch, the
angles in radians. What the axes are and how long a unit is has not been stated: poses pass
unchanged, and `angles_to_origin` lets a user see whether yaw and pitch mean what they mean in
`gqn_rl.geometry.viewpoint`.

References:
    Eslami et al., "Neural scene representation and rendering", Science 360:1204, 2018;
    github.com/google-deepmind/gqn-datasets, data_reader.py.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from gqn_rl.data.example import Feature, parse_example
from gqn_rl.data.tfrecord import BadRecord, TFRecordReader
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import FloatArray, Viewpoints

SPLITS = ("train", "test")
CAMERA_SIZE = 5
FILE_NAME = re.compile(r"(\d+)-of-(\d+)\.tfrecord")


@dataclass(frozen=True)
class DeepMindDataset:
    """What is known of a data set.

    >>> dataset = find_dataset("shepard_metzler_7_parts")
    >>> dataset.num_views, dataset.image_size
    (15, 64)
    >>> dataset.file_name("train", 3)
    'shepard_metzler_7_parts/train/003-of-900.tfrecord'

    Attributes:
        name: its folder in the public bucket.
        train_files, test_files: TFRecord files in each split.
        image_size: height and width in pixels.
        num_views: views per scene.
        num_cubes: cubes per object, None where scenes are not Shepard-Metzler objects.
    """

    name: str
    train_files: int
    test_files: int
    image_size: int
    num_views: int
    num_cubes: int | None = None

    def num_files(self, split: str) -> int:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        return self.train_files if split == "train" else self.test_files

    def file_name(self, split: str, number: int) -> str:
        """Path of file `number`, counted from 1, relative to where all data sets lie."""
        total = self.num_files(split)
        if not 1 <= number <= total:
            raise UserError(f"shard {number} of {self.name}/{split}, expected 1 to {total}")
        return f"{self.name}/{split}/{number:0{len(str(total))}d}-of-{total}.tfrecord"


_TABLE = (
    DeepMindDataset("jaco", 3600, 400, 64, 11),
    DeepMindDataset("mazes", 1080, 120, 84, 300),
    DeepMindDataset("rooms_free_camera_no_object_rotations", 2160, 240, 64, 10),
    DeepMindDataset("rooms_free_camera_with_object_rotations", 2034, 226, 128, 10),
    DeepMindDataset("rooms_ring_camera", 2160, 240, 64, 10),
    DeepMindDataset("shepard_metzler_5_parts", 900, 100, 64, 15, num_cubes=5),
    DeepMindDataset("shepard_metzler_7_parts", 900, 100, 64, 15, num_cubes=7),
)
DATASETS = {dataset.name: dataset for dataset in _TABLE}


def find_dataset(name: str) -> DeepMindDataset:
    """The data set called `name`.

    Raises:
        UserError: for an unknown name.
    """
    if name not in DATASETS:
        raise unknown_name("dataset", name, DATASETS)
    return DATASETS[name]


def file_number(path: Path, dataset: DeepMindDataset, split: str) -> int:
    """The number, counted from 1, in the name of a file of this split.

    Raises:
        UserError: for a name that no file of the split has.
    """
    match, total = FILE_NAME.fullmatch(path.name), dataset.num_files(split)
    if match is not None and 1 <= int(match[1]) <= total:
        number = int(match[1])
        if path.name == Path(dataset.file_name(split, number)).name:
            return number
    first = Path(dataset.file_name(split, 1)).name
    raise UserError(
        f"{path} has a name that no file of {dataset.name}/{split} has, expected {first} "
        f"to {total}-of-{total}.tfrecord"
    )


def read_scenes(reader: TFRecordReader, dataset: DeepMindDataset) -> Iterator[Views]:
    """The scenes of one file, each with all of its views.

    Raises:
        RecordError: for a damaged or foreign record, unless the reader skips them.
    """
    return reader.decode(lambda payload: decode_scene(parse_example(payload), dataset))


def decode_scene(example: dict[str, Feature], dataset: DeepMindDataset) -> Views:
    """The views of one scene.

    Raises:
        BadRecord: when something is missing, of another kind or size, or not finite.
    """
    frames = example.get("frames")
    if not isinstance(frames, list):
        raise BadRecord(f"{_describe('frames', frames)}, expected a list of JPEG images")
    _check_count("frames", len(frames), dataset.num_views, dataset)
    viewpoints = _decode_cameras(example.get("cameras"), dataset)
    size = dataset.image_size
    images = np.empty((len(frames), size, size, 3), np.uint8)
    for view, frame in enumerate(frames):
        images[view] = _decode_jpeg(frame, size, view)
    return Views(images, viewpoints)


def _decode_cameras(cameras: Feature | None, dataset: DeepMindDataset) -> Viewpoints:
    if not isinstance(cameras, np.ndarray) or cameras.dtype != np.float32:
        raise BadRecord(f"{_describe('cameras', cameras)}, expected float32 numbers")
    _check_count("camera numbers", len(cameras), dataset.num_views * CAMERA_SIZE, dataset)
    if not np.isfinite(cameras).all():
        raise BadRecord("cameras has a value that is not finite")
    return to_viewpoints(cameras.astype(np.float32))


def _check_count(name: str, received: int, expected: int, dataset: DeepMindDataset) -> None:
    if received != expected:
        raise BadRecord(f"{received} {name}, expected {expected} in {dataset.name}")


def to_viewpoints(cameras: NDArray[np.float32]) -> Viewpoints:
    """Poses from x, y, z, yaw, pitch: float32 (V * 5,) or (V, 5), angles in radians."""
    numbers = cameras.reshape(-1, CAMERA_SIZE).astype(np.float64)
    return Viewpoints(numbers[:, :3], numbers[:, 3], numbers[:, 4])


def angles_to_origin(viewpoints: Viewpoints) -> FloatArray:
    """Angle between where each camera looks, in our convention, and where it sees the origin.

    Zero for all cameras of a data set whose cameras look at the origin and whose yaw and pitch
    mean what they mean here. Cameras at the origin are left out.

    Returns:
        float64 (at most N,), degrees.
    """
    viewpoints = viewpoints[np.linalg.norm(viewpoints.position, axis=1) > 0]
    forward, towards = viewpoints.axes()[:, 2], -viewpoints.position
    across = np.linalg.norm(np.cross(forward, towards), axis=1)
    return np.degrees(np.arctan2(across, (forward * towards).sum(axis=1)))


def _decode_jpeg(data: bytes, size: int, view: int) -> NDArray[np.uint8]:
    """An image uint8 (size, size, 3), decoded by libjpeg with its defaults."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            # Before the pixels are decoded: a few bytes can claim to be a huge image.
            if image.size != (size, size) or image.mode != "RGB":
                raise BadRecord(
                    f"frame {view} is {image.mode} of {image.size[0]}x{image.size[1]} pixels, "
                    f"expected RGB of {size}x{size}"
                )
            return np.asarray(image)
    except BadRecord:
        raise
    except UnidentifiedImageError as error:
        raise BadRecord(f"frame {view} is not a JPEG image") from error
    except Exception as error:  # Pillow raises half a dozen unrelated types for broken files
        raise BadRecord(f"frame {view} is not a readable JPEG image: {error}") from error


def _describe(name: str, feature: Feature | None) -> str:
    if feature is None:
        return f"it has no {name}"
    return f"{name} is a list of {'bytes' if isinstance(feature, list) else feature.dtype}"
