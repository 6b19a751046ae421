"""RLlib's checkpoints in a run folder: whole ones only, the newest two.

A checkpoint is a folder, checkpoints/<environment steps>, which is written under another name and
renamed when everything in it is on disk. RLlib pickles what it saves, so reading a checkpoint runs
what is in it: go on only with runs of your own.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from gqn_rl.errors import UserError
from gqn_rl.files import write_json

FOLDER, NOTES = "checkpoints", "notes.json"
KEPT = 2


def save_checkpoint(run: Path, algorithm: Any, steps: int, notes: dict[str, Any]) -> Path:
    """Save an algorithm and what the command knows besides; the folder of both."""
    folder = run / FOLDER / f"{steps:012d}"
    if folder.exists():
        return folder
    unfinished = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    algorithm.save_to_path(str((unfinished / "algorithm").resolve()))
    write_json(unfinished / NOTES, notes)
    for path in sorted(unfinished.rglob("*"), reverse=True):
        flush(path)
    flush(unfinished)
    os.rename(unfinished, folder)
    flush(folder.parent)
    for old in checkpoints(run)[:-KEPT]:
        shutil.rmtree(old)
    return folder


def checkpoints(run: Path) -> list[Path]:
    """The whole ones, oldest first."""
    found = (run / FOLDER).glob("[0-9]*")
    return sorted(path for path in found if (path / NOTES).is_file())


def newest_notes(run: Path) -> tuple[Path, dict[str, Any]]:
    """The newest checkpoint and what was noted beside it.

    Raises:
        UserError: where there is none, or it cannot be read.
    """
    found = checkpoints(run)
    if not found:
        raise UserError(f"cannot resume: {str(run / FOLDER)!r} holds no checkpoint")
    path = found[-1] / NOTES
    try:
        return found[-1] / "algorithm", dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{str(path)!r} cannot be read: {error}") from error


def flush(path: Path) -> None:
    """Have what was written to a file or folder on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
