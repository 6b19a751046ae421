"""Conversion of DeepMind's TFRecord files to shards: shard k - 1 is a function of file k alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from safetensors import safe_open

from gqn_rl.data.deepmind import DeepMindDataset, angles_to_origin, file_number, read_scenes
from gqn_rl.data.description import DeepMindDescription
from gqn_rl.data.shard_file import Shard, find_shard, make_header, shard_path, write_scenes
from gqn_rl.data.tfrecord import TFRecordReader
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, FloatArray, Viewpoints


@dataclass(frozen=True)
class Conversion:
    """A file to convert.

    Attributes:
        source: the TFRecord file.
        folder: of the data set that the shard belongs to.
        dataset, split: what the file is a part of.
        skip_bad: leave out records that cannot be used; without it they are an error.
    """

    source: Path
    folder: Path
    dataset: DeepMindDataset
    split: str
    skip_bad: bool = False

    @property
    def description(self) -> DeepMindDescription:
        dataset = self.dataset
        return DeepMindDescription(dataset.name, self.split, dataset.num_views, dataset.num_cubes)

    @property
    def index(self) -> int:
        """Number of the shard, from 0; files are numbered from 1."""
        return file_number(self.source, self.dataset, self.split) - 1

    def is_done(self) -> bool:
        """Whether the shard is there and made from a file of this size.

        One that lacks records is done only for those who accept that.

        Raises:
            UserError: when what is there is damaged or belongs to another data set.
        """
        shard = find_shard(self.folder, self.index, self.description)
        if shard is None or shard.origin.get("bytes") != self.source.stat().st_size:
            return False
        return self.skip_bad or not shard.origin.get("skipped")


@dataclass(frozen=True)
class Converted:
    """What came of a conversion.

    Attributes:
        num_scenes: scenes in the shard; without any there is no shard.
        skipped: a line about each record that was left out.
    """

    num_scenes: int
    skipped: list[str]


def convert(work: Conversion) -> Converted:
    """Write the shard of one file.

    Raises:
        RecordError: for a damaged or foreign record, unless bad ones are skipped.
        UserError: when the file cannot be read or holds no record.
    """
    reader = TFRecordReader(work.source, skip_bad=work.skip_bad)
    scenes = (
        (views.images, views.viewpoints.encode()) for views in read_scenes(reader, work.dataset)
    )
    first = next(scenes, None)
    if first is None and not work.skip_bad:
        raise UserError(f"{work.source} holds no record")
    num_scenes = 0
    if first is not None:
        target = shard_path(work.folder, work.index)
        every = chain([first], scenes)
        try:
            num_scenes = write_scenes(target, every, lambda: _header(work, len(reader.skipped)))
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error
    return Converted(num_scenes, [str(error) for error in reader.skipped])


def _header(work: Conversion, num_skipped: int) -> dict[str, Any]:
    source, description = work.source, work.description
    origin = {"file": source.name, "bytes": source.stat().st_size, "skipped": num_skipped}
    renderer = description.renderer(work.dataset.image_size)
    return make_header(description, work.index, renderer, origin)


def shard_angles_to_origin(shard: Shard) -> FloatArray:
    """`angles_to_origin` of all poses in a shard, in degrees."""
    with safe_open(shard.path, framework="np") as file:
        poses = file.get_tensor("viewpoints")
    return angles_to_origin(Viewpoints.decode(poses.reshape(-1, ENCODING_SIZE)))
