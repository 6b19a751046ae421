"""Convert DeepMind's TFRecord files to shards, for `pretrain_gqn --data-path`.

Every file becomes one shard. The same command goes on where an earlier one was stopped; after more
files were downloaded it converts those.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.shared.command import make_folder, run_command
from experiments.shared.parallel import check_workers, processes
from gqn_rl.data.convert import Conversion, convert, shard_angles_to_origin
from gqn_rl.data.deepmind import DeepMindDataset, find_dataset
from gqn_rl.data.shard_file import Shard, read_headers, require_data_folder
from gqn_rl.errors import UserError
from gqn_rl.files import visible_files, write_json

PATTERN = "*.tfrecord"


@dataclass(frozen=True)
class ConvertDatasetSettings:
    """Settings of `python -m experiments.convert_dataset`."""

    input: Path
    """Folder with the TFRecord files of one split, .../<data set>/<train or test>."""
    output: Path
    """Folder of the shards; made if it is missing, continued if it holds the same data set."""
    dataset: str | None = None
    """Name of the data set; None for that of the folder that the input lies in."""
    split: str | None = None
    """train or test; None for the name of the input folder."""
    skip_bad: bool = False
    """Leave out damaged and foreign records instead of stopping at the first."""
    workers: int | None = None
    """Processes that convert; None for one per core, 0 to convert in this one."""


def main(settings: ConvertDatasetSettings) -> None:
    check_workers(settings.workers)
    conversions = _conversions(settings)
    make_folder("output folder", settings.output)
    require_data_folder(settings.output)
    missing = [work for work in conversions if not work.is_done()]
    total, there = len(conversions), len(conversions) - len(missing)
    skipped: list[str] = []
    with (
        tqdm(total=total, initial=there, unit="file", dynamic_ncols=True, disable=None) as bar,
        processes(settings.workers, len(missing)) as run,
    ):
        for result in run(convert, missing):
            skipped += result.skipped
            bar.update()
    for line in skipped:
        print(f"skipped {line}", file=sys.stderr)
    _report(settings.output, conversions[0].dataset)


def _conversions(settings: ConvertDatasetSettings) -> list[Conversion]:
    """The files to convert, in the order of their numbers."""
    folder = settings.input
    try:
        files = visible_files(folder, PATTERN)
    except OSError as error:
        raise UserError(f"cannot read the folder {str(folder)!r}: {error.strerror}") from error
    if not files:
        raise UserError(f"no data in {str(folder)!r}: there is no file {PATTERN}")
    whole = folder.resolve()
    dataset = find_dataset(whole.parent.name if settings.dataset is None else settings.dataset)
    split = whole.name if settings.split is None else settings.split
    work = [Conversion(file, settings.output, dataset, split, settings.skip_bad) for file in files]
    return sorted(work, key=lambda conversion: conversion.index)


def _report(folder: Path, dataset: DeepMindDataset) -> None:
    """Say what the folder holds now, and write it to dataset.json."""
    shards = read_headers(folder)
    summary = {
        "source": shards[0].description.source,
        **asdict(shards[0].description),
        "renderer": shards[0].renderer,
        "camera": shards[0].camera,
        "scenes": sum(shard.num_scenes for shard in shards),
        "shards": len(shards),
        "skipped_records": sum(shard.origin.get("skipped", 0) for shard in shards),
    }
    if dataset.num_cubes is not None:
        summary["median_angle_to_origin"] = _compare_conventions(shards[0])
    write_json(folder / "dataset.json", summary)
    print(
        f"{folder}: {summary['scenes']} scenes in {len(shards)} shards, "
        f"{summary['skipped_records']} records left out"
    )


def _compare_conventions(shard: Shard) -> float:
    """Print how far cameras that should look at the object look past it; returns degrees."""
    angles = shard_angles_to_origin(shard)
    median = float(np.median(angles))
    print(
        f"{shard.path.name}: with yaw and pitch read as ours, its {len(angles)} cameras look "
        f"{median:.2f} degrees (median) past the origin; near 0 the conventions agree"
    )
    return median


if __name__ == "__main__":
    run_command(main, ConvertDatasetSettings, __doc__)
