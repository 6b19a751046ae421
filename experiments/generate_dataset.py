"""Render Shepard-Metzler scenes to disk, for `pretrain_gqn --data-path`.

The same command on the same folder goes on where an earlier one was stopped; with more scenes it
adds to what is there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from experiments.command import run_command
from gqn_rl.data.shards import (
    DataDescription,
    make_shard,
    read_header,
    shard_path,
    write_shard,
)
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.rendering import Renderer, RendererIdentity, make_renderer
from gqn_rl.shape_catalogue import shape_catalogue


@dataclass(frozen=True)
class GenerateDatasetSettings:
    """Settings of `python -m experiments.generate_dataset`."""

    output: Path
    """Folder of the data set; made if it is missing, continued if it holds the same data set."""
    scenes: int = 10_000
    """Number of scenes."""
    views: int = 10
    """Views of each scene, uniform on the viewing sphere."""
    scenes_per_shard: int = 256
    """Scenes in one file; at 64 pixels a view takes 12 kB."""
    num_cubes: int = 7
    """Cubes per object."""
    shapes: str = "train"
    """train, test (never drawn for train) or all."""
    free_fraction: float = 0.3
    """Share of scenes in free orientation, the others in grid orientation."""
    renderer: str = "pybullet"
    """What draws the scenes: pybullet or raycast; they draw the same pictures."""
    image_size: int = 64
    """Height and width of the images in pixels."""
    seed: int = 0
    """Of everything random."""
    workers: int = 0
    """Processes that render; 0 renders in this one."""


def main(settings: GenerateDatasetSettings) -> None:
    description = _describe(settings)
    identity = _renderer(settings.renderer, settings.image_size).identity
    counts = _scenes_of_each_shard(settings)
    _make_folder(settings.output)
    missing = {
        index: count
        for index, count in counts.items()
        if not _is_there(settings.output, index, count, description, identity)
    }
    make = partial(_make, settings, description)
    done = sum(counts.values()) - sum(missing.values())
    with tqdm(total=settings.scenes, initial=done, unit="scene", dynamic_ncols=True) as bar:
        try:
            with _pool(settings.workers) as run:
                for count in run(make, missing.items()):
                    bar.update(count)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here", file=sys.stderr)
            raise
        except BrokenProcessPool as error:
            raise UserError("a worker was killed; the same command goes on from here") from error
    summary = asdict(description) | {"scenes": settings.scenes, "renderer": identity.to_dict()}
    write_json(settings.output / "dataset.json", summary)
    print(f"{settings.output}: {settings.scenes} scenes in {len(counts)} shards")


def _describe(settings: GenerateDatasetSettings) -> DataDescription:
    for name, least in (("scenes", 1), ("views", 1), ("workers", 0)):
        if getattr(settings, name) < least:
            raise UserError(f"{name} is {getattr(settings, name)}, expected at least {least}")
    shape_catalogue(settings.num_cubes).indices(settings.shapes)  # a wrong name fails here
    shared = {f.name for f in fields(DataDescription)} - {"num_views"}
    return DataDescription(
        num_views=settings.views, **{name: getattr(settings, name) for name in shared}
    )


def _scenes_of_each_shard(settings: GenerateDatasetSettings) -> dict[int, int]:
    per_shard = settings.scenes_per_shard
    starts = range(0, settings.scenes, per_shard)
    return {k: min(per_shard, settings.scenes - start) for k, start in enumerate(starts)}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make folder {str(folder)!r}: {error.strerror}") from error


def _is_there(
    folder: Path, index: int, count: int, description: DataDescription, identity: RendererIdentity
) -> bool:
    """Whether the shard exists with enough scenes; one of another data set is an error."""
    path = shard_path(folder, index)
    if not path.exists():
        return False
    try:
        shard = read_header(path)
    except UserError as error:
        raise UserError(f"{error}; remove the file to have it made again") from error
    shard.require_usable(identity)
    if shard.description != description or shard.index != index:
        raise UserError(
            f"{path} belongs to {shard.description}, expected {description}; "
            "choose another output folder"
        )
    return shard.num_scenes >= count


def _make(
    settings: GenerateDatasetSettings, description: DataDescription, work: tuple[int, int]
) -> int:
    """Render and write one shard; returns its number of scenes."""
    index, count = work
    renderer = _renderer(settings.renderer, settings.image_size)
    views = make_shard(renderer, description, index, count)
    write_shard(
        settings.output, views, description=description, index=index, identity=renderer.identity
    )
    return count


@lru_cache(maxsize=1)
def _renderer(name: str, image_size: int) -> Renderer:
    """One per process."""
    return make_renderer(name, image_size)


@contextmanager
def _pool(workers: int) -> Iterator[type[map]]:
    """Something like `map`, in this process or in others."""
    if workers == 0:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield pool.map  # type: ignore[misc]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    run_command(main, GenerateDatasetSettings, __doc__)
