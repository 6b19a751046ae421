"""Render Shepard-Metzler scenes to disk, for `pretrain_gqn --data-path`.

The same command on the same folder goes on where an earlier one was stopped; with more scenes it
adds to what is there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache, partial
from pathlib import Path

from tqdm import tqdm

from experiments.shared.appearance import AppearanceFlags
from experiments.shared.command import make_folder, require_at_least, run_command
from experiments.shared.parallel import check_workers, processes
from gqn_rl.data.description import DataDescription, fields_to_store
from gqn_rl.data.shard_file import find_shard, require_data_folder, write_shard
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.rendering import DEFAULT_RENDERER, Renderer, RendererIdentity, make_renderer
from gqn_rl.scenes.shape_source import num_cubes_of, shape_source


@dataclass(frozen=True)
class GenerateDatasetSettings(AppearanceFlags):
    """Settings of `python -m experiments.generate_dataset`."""

    output: Path
    """Folder of the data set; made if it is missing, continued if it holds the same data set."""
    scenes: int = 10_000
    """Number of scenes."""
    num_views: int = 10
    """Views of each scene, uniform on the viewing sphere."""
    scenes_per_shard: int = 256
    """Scenes in one file; at 64 pixels a view takes 12 kB."""
    num_cubes: int | None = None
    """Cubes per object; by default 7, or those of a file's objects."""
    shapes: str = "train"
    """train, test (never drawn for train), all, or a file of objects, one a line such as
    uuuubbuur."""
    free_fraction: float = 0.3
    """Share of scenes in free orientation, the others in grid orientation."""
    position: str = "centred"
    """centred, the middle of the object where all cameras look, or random."""
    renderer: str = DEFAULT_RENDERER
    """What draws the scenes: pybullet or raycast; they draw the same pictures."""
    image_size: int = 64
    """Height and width of the images in pixels."""
    seed: int = 0
    """Of everything random."""
    workers: int | None = None
    """Processes that render; None for one per core, 0 to render in this one."""


def main(settings: GenerateDatasetSettings) -> None:
    description = _describe(settings)
    identity = _renderer(settings).identity
    counts = _scenes_of_each_shard(settings)
    make_folder("folder", settings.output)
    require_data_folder(settings.output)
    missing = {
        index: count
        for index, count in counts.items()
        if not _is_there(settings.output, index, count, description, identity)
    }
    make = partial(_make, settings, description)
    done = sum(counts.values()) - sum(missing.values())
    with (
        tqdm(
            total=settings.scenes, initial=done, unit="scene", dynamic_ncols=True, disable=None
        ) as bar,
        processes(settings.workers, len(missing)) as run,
    ):
        for count in run(make, missing.items()):
            bar.update(count)
    summary = fields_to_store(description) | {
        "scenes": settings.scenes,
        "renderer": identity.to_dict(),
    }
    write_json(settings.output / "dataset.json", summary)
    print(f"{settings.output}: {settings.scenes} scenes in {len(counts)} shards")


def _describe(settings: GenerateDatasetSettings) -> DataDescription:
    require_at_least(settings, {"scenes": 1, "num_views": 1})
    check_workers(settings.workers)
    num_cubes = num_cubes_of(settings.num_cubes, settings.shapes)
    shape_source(num_cubes, settings.shapes)  # a wrong name fails here
    shared = {f.name for f in fields(DataDescription)} - {"num_cubes"}
    return DataDescription(
        num_cubes=num_cubes, **{name: getattr(settings, name) for name in shared}
    )


def _scenes_of_each_shard(settings: GenerateDatasetSettings) -> dict[int, int]:
    per_shard = settings.scenes_per_shard
    starts = range(0, settings.scenes, per_shard)
    return {k: min(per_shard, settings.scenes - start) for k, start in enumerate(starts)}


def _is_there(
    folder: Path, index: int, count: int, description: DataDescription, identity: RendererIdentity
) -> bool:
    """Whether the shard exists with enough scenes; one of another data set is an error."""
    shard = find_shard(folder, index, description)
    if shard is None:
        return False
    shard.require_usable(identity)
    return shard.num_scenes >= count


def _make(
    settings: GenerateDatasetSettings, description: DataDescription, work: tuple[int, int]
) -> int:
    """Render and write one shard; returns its number of scenes."""
    from gqn_rl.data.shards import make_shard

    index, count = work
    renderer = _renderer(settings)
    views = make_shard(renderer, description, index, count)
    identity = renderer.identity
    try:
        write_shard(settings.output, views, description=description, index=index, identity=identity)
    except OSError as error:
        raise UserError(f"cannot write to {settings.output}: {error.strerror}") from error
    return count


@lru_cache(maxsize=1)
def _renderer(settings: GenerateDatasetSettings) -> Renderer:
    """One per process."""
    return make_renderer(settings.renderer, settings.image_size, appearance=settings.look())


if __name__ == "__main__":
    run_command(main, GenerateDatasetSettings, __doc__)
