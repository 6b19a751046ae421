"""Files: listed without hidden ones, and written so that no crash costs the previous one."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def visible_files(folder: Path, pattern: str) -> list[Path]:
    """What lies in a folder under names that match, in order, without hidden files.

    Those are never data: `._name` beside `name` is what macOS keeps of it on foreign disks, and a
    killed process may leave a temporary file of `write_atomically`.

    Returns:
        Paths; none where there is no such folder.

    Raises:
        OSError: for a folder that may not be read.
    """
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.match(pattern) and not p.name.startswith("."))


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to disk, then move it there.

    Readers see the old file or the whole new one, never a part. On any error the temporary file
    is removed and `path` is as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}.", suffix=f".tmp{path.suffix}"
    )
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; give this one the mode an ordinary open() would.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    write_atomically(path, lambda temporary: _write(temporary, content))


def write_text(path: Path, content: str) -> None:
    write_bytes(path, content.encode())


def json_text(content: Any) -> str:
    """JSON with two spaces of indentation and a final newline; NaN and infinity are refused."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """`json_text` in a file."""
    write_text(path, json_text(content))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
