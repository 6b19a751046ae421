"""Shard files: scenes in safetensors that say what they are.

A shard holds `images` uint8 (n, V, H, W, 3) and `viewpoints` float32 (n, V, 7), and one JSON
object about them. A data set is a folder of shards that belong together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from gqn_rl.data.description import DataDescription, Description, describe, parse_description
from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.files import visible_files, write_atomically
from gqn_rl.geometry.viewpoint import ENCODING_SIZE
from gqn_rl.rendering import RendererIdentity

FORMAT = "gqn_rl.shard/1"
PATTERN = "shard-*.safetensors"
METADATA_KEY = "shard"
"""All metadata is JSON under one key: the order of several would differ from file to file."""
HEADER_SIZE = 4096
"""Bytes before the pixels. Fixed, so that scenes can be written before their number is known."""


@dataclass(frozen=True)
class Shard:
    """A file of scenes and what it says about itself, without the pixels.

    >>> from gqn_rl.data.shards import make_shard
    >>> from gqn_rl.rendering import make_renderer
    >>> about, renderer = DataDescription(num_views=5), make_renderer("raycast", 16)
    >>> views = make_shard(renderer, about, index=0, num_scenes=2)
    >>> write_shard(Path("."), views, description=about, index=0, identity=renderer.identity)
    >>> shard = read_header(Path("shard-00000.safetensors"))
    >>> shard.num_scenes, shard.description == about
    (2, True)

    Attributes:
        path: the file.
        description: of the data set it belongs to.
        index: its number there.
        renderer: `RendererIdentity.to_dict` of what drew it, or what a description of data that
            were not made here puts in its place.
        camera: the camera convention of its viewpoints.
        num_scenes: scenes in it.
        origin: the file it was converted from: `file`, its name, `bytes`, its size, and `skipped`,
            how many of its records could not be used; empty for scenes made here.
    """

    path: Path
    description: Description
    index: int
    renderer: dict[str, Any]
    camera: str
    num_scenes: int
    origin: dict[str, Any] = field(default_factory=dict)

    def require_usable(self, identity: RendererIdentity | None) -> None:
        """Refuse pictures other than those of a renderer with this identity, if there is one,
        and poses in a convention other than that of their source."""
        if identity is not None:
            identity.require_same_pictures(self.renderer, source=str(self.path))
        if self.camera != self.description.camera:
            raise UserError(
                f"{self.path} uses the camera convention {self.camera!r}, "
                f"expected {self.description.camera!r}"
            )

    def require_same_data_set(self, other: Shard) -> None:
        """Refuse a shard of other scenes or with other pictures than those of `other`."""
        if self.description != other.description:
            raise UserError(
                f"{self.path} is described as {self.description}, but {other.path} as "
                f"{other.description}"
            )
        mine, theirs = _appearance(self.renderer), _appearance(other.renderer)
        if mine != theirs:
            raise UserError(f"{self.path} was drawn with {mine}, but {other.path} with {theirs}")


def _appearance(renderer: dict[str, Any]) -> dict[str, Any]:
    """What pictures depend on, see `RendererIdentity`: not which code drew them."""
    return {key: value for key, value in renderer.items() if key not in ("name", "version")}


def shard_path(folder: Path, index: int) -> Path:
    return folder / f"shard-{index:05d}.safetensors"


def write_shard(
    folder: Path,
    views: SceneViews,
    *,
    description: DataDescription,
    index: int,
    identity: RendererIdentity,
) -> None:
    """Write shard number `index` of a synthetic data set atomically."""
    write_scenes(
        shard_path(folder, index),
        zip(views.images, views.viewpoints, strict=True),
        lambda: make_header(description, index, identity.to_dict()),
    )


def make_header(
    description: Description,
    index: int,
    renderer: dict[str, Any],
    origin: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What `read_header` reads back."""
    return {
        "format": FORMAT,
        **describe(description),
        "index": index,
        "renderer": renderer,
        "camera": description.camera,
        "origin": origin or {},
    }


def write_scenes(
    path: Path,
    scenes: Iterable[tuple[NDArray[np.uint8], NDArray[np.float32]]],
    header: Callable[[], dict[str, Any]],
) -> int:
    """Write a shard atomically, one scene in memory at a time.

    Args:
        scenes: images (V, H, W, 3) and viewpoints (V, 7) of each, at least one scene.
        header: called after the last scene.

    Returns:
        the number of scenes.
    """
    poses: list[NDArray[np.float32]] = []

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.seek(HEADER_SIZE)
            for images, viewpoints in scenes:
                file.write(np.ascontiguousarray(images, np.uint8).data)
                poses.append(viewpoints)
            viewpoints = np.stack(poses).astype("<f4")
            file.write(viewpoints.data)
            shape = (len(poses), *images.shape)
            file.seek(0)
            _write_layout(file, header(), shape, viewpoints.shape)

    write_atomically(path, write)
    return len(poses)


def _write_layout(
    file: BinaryIO, header: dict[str, Any], images: tuple[int, ...], viewpoints: tuple[int, ...]
) -> None:
    """What safetensors files begin with: the size of a JSON object, and the object."""
    middle = int(np.prod(images))
    layout = {
        "__metadata__": {METADATA_KEY: json.dumps(header)},
        "images": {"dtype": "U8", "shape": images, "data_offsets": [0, middle]},
        "viewpoints": {
            "dtype": "F32",
            "shape": viewpoints,
            "data_offsets": [middle, middle + 4 * int(np.prod(viewpoints))],
        },
    }
    size = HEADER_SIZE - 8
    content = json.dumps(layout).encode().ljust(size)
    if len(content) > size:
        raise ValueError(f"the header takes {len(content)} bytes, expected at most {size}")
    file.write(size.to_bytes(8, "little") + content)


def read_header(path: Path) -> Shard:
    """What a shard says about itself.

    Raises:
        UserError: when the file is truncated, foreign or not what it says.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            layout = {
                name: (file.get_slice(name).get_dtype(), tuple(file.get_slice(name).get_shape()))
                for name in file.keys()  # noqa: SIM118 - not a dict
            }
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is truncated or not a safetensors file: {error}") from error
    about = _parse(metadata.get(METADATA_KEY, ""))
    if about.get("format") != FORMAT:
        raise UserError(f"{path} has format {about.get('format')!r}, expected {FORMAT!r}")
    try:
        description, renderer = parse_description(about), dict(about["renderer"])
        index, camera, size = about["index"], about["camera"], renderer["image_size"]
        origin = dict(about.get("origin", {}))
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path} does not say what it holds: {error!r}") from error
    count = layout.get("images", ("", (0,)))[1][0]
    expected = {
        "images": ("U8", (count, description.num_views, size, size, 3)),
        "viewpoints": ("F32", (count, description.num_views, ENCODING_SIZE)),
    }
    most = getattr(description, "scenes_per_shard", count)
    if layout != expected or not 1 <= count <= most:
        raise UserError(f"{path} holds {layout}, expected {expected}")
    return Shard(path, description, index, renderer, camera, count, origin)


def find_shard(folder: Path, index: int, description: Description) -> Shard | None:
    """Shard number `index` of a data set that is being made, or None where it is missing.

    Raises:
        UserError: when the file there is damaged or belongs to another data set.
    """
    path = shard_path(folder, index)
    if not path.exists():
        return None
    try:
        shard = read_header(path)
    except UserError as error:
        raise UserError(f"{error}; remove the file to have it made again") from error
    if shard.description != description or shard.index != index:
        raise UserError(
            f"{path} belongs to {shard.description}, expected {description}; "
            "choose another output folder"
        )
    return shard


def require_data_folder(folder: Path) -> None:
    """Refuse a folder with other things in it and no shard: it is not a data set that goes on.

    Raises:
        UserError: naming the first of them.
    """
    others = visible_files(folder, "*")
    if others and not visible_files(folder, PATTERN):
        raise UserError(
            f"output folder {str(folder)!r} exists and holds no data set, but "
            f"{others[0].name!r}; choose another"
        )


def _parse(text: str) -> dict[str, Any]:
    """The JSON object in `text`, or an empty one."""
    try:
        about = json.loads(text)
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}


def read_headers(folder: Path, identity: RendererIdentity | None = None) -> list[Shard]:
    """All shards of a data set, in order.

    Args:
        identity: of the renderer whose pictures are expected; None for whatever is there, as long
            as all shards agree.

    Raises:
        UserError: when there is none, one is missing or unusable, or they do not belong together.
    """
    try:
        paths = visible_files(folder, PATTERN)
    except OSError as error:
        raise UserError(f"cannot read the folder {str(folder)!r}: {error.strerror}") from error
    if not paths:
        raise UserError(f"no data in {str(folder)!r}: there is no file {PATTERN}")
    shards = [read_header(path) for path in paths]
    for number, shard in enumerate(shards):
        shard.require_usable(identity)
        due = shard.index if shard.description.has_gaps else number
        if shard.path != shard_path(folder, due) or shard.index != due:
            raise UserError(
                f"{shard.path} is shard {shard.index} of its data set, but "
                f"{shard_path(folder, due)} should come here"
            )
        shard.require_same_data_set(shards[0])
    return shards
