"""Download TFRecord files of the data sets that DeepMind released with the GQN paper.

The same command goes on where an earlier one was stopped; files that are there are left alone.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from experiments.shared.command import (
    make_folder,
    require_at_least,
    require_more_than_zero,
    run_command,
)
from gqn_rl.data.deepmind import find_dataset
from gqn_rl.data.download import BASE_URL, download
from gqn_rl.errors import UserError


@dataclass(frozen=True)
class DownloadDatasetSettings:
    """Settings of `python -m experiments.download_dataset`."""

    dataset: str = "shepard_metzler_7_parts"
    """Name of the data set; a wrong one lists them all."""
    split: str = "train"
    """train or test, as DeepMind split the scenes."""
    shards: str = "1-10"
    """Numbers of the files, for example 1-10 or 1,5,20-22, or all of them."""
    output: Path = Path("data/raw")
    """Folder in which <data set>/<split>/ is made."""
    base_url: str = BASE_URL
    """Where the data sets lie, for a mirror of the public bucket."""
    retries: int = 4
    """Attempts in a row that bring nothing new before giving up."""
    timeout: float = 30.0
    """Seconds to wait for an answer."""


def main(settings: DownloadDatasetSettings) -> None:
    names = _file_names(settings)
    make_folder("output folder", settings.output)
    missing = [name for name in names if not (settings.output / name).is_file()]
    print(f"files: {len(names)}, already there: {len(names) - len(missing)}", flush=True)
    try:
        for place, name in enumerate(missing, start=1):
            _download(settings, name, f"{place}/{len(missing)} {Path(name).name}")
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        raise
    folder = (settings.output / names[0]).parent
    print(f"next: python -m experiments.convert_dataset --input {folder} --output FOLDER")


def _file_names(settings: DownloadDatasetSettings) -> list[str]:
    """Paths of the files, below the base URL and below the output folder alike."""
    address = urlsplit(settings.base_url)
    if address.scheme not in ("http", "https") or not address.netloc:
        raise UserError(f"base_url is {settings.base_url!r}, expected http://... or https://...")
    require_at_least(settings, {"retries": 0})
    require_more_than_zero(settings, ("timeout",))
    dataset = find_dataset(settings.dataset)
    numbers = parse_numbers(settings.shards, dataset.num_files(settings.split))
    return [dataset.file_name(settings.split, number) for number in numbers]


def parse_numbers(text: str, largest: int) -> list[int]:
    """Numbers from 1 to `largest` in a text like "1,5,20-22" or "all", each once, in order."""
    if text == "all":
        return list(range(1, largest + 1))
    numbers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= largest:
            raise UserError(
                f"shards is {text!r}, expected all, or numbers and ranges within 1-{largest}"
            )
        numbers.update(range(first, last + 1))
    return sorted(numbers)


def _download(settings: DownloadDatasetSettings, name: str, label: str) -> None:
    with tqdm(
        desc=label, unit="B", unit_scale=True, dynamic_ncols=True, leave=False, disable=None
    ) as bar:

        def progress(done: int, total: int) -> None:
            if bar.total != total:
                bar.reset(total)
            bar.update(done - bar.n)

        download(
            f"{settings.base_url.rstrip('/')}/{name}",
            settings.output / name,
            retries=settings.retries,
            timeout=settings.timeout,
            progress=progress,
        )


if __name__ == "__main__":
    run_command(main, DownloadDatasetSettings, __doc__)
