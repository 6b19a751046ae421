"""Manifest of a repository on the hub: what its files are, and whether they are that.

A repository holds one thing, GQN weights or an agent: a safetensors file, its JSON sidecar, a model
card, and manifest.json with the size and SHA-256 of the first two. Nothing in it is ever unpickled.
The manifest finds files that were cut short or changed on their way or in the cache; against
someone who may write to the repository, name a commit as the revision.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gqn_rl.errors import UserError

MANIFEST = "manifest.json"
FORMAT = "gqn_rl.hub/1"
KINDS = {"weights": "model", "agent": "agent"}
"""What a repository may hold to the stem of its two files."""
SHA256 = re.compile("[0-9a-f]{64}")


def file_names(kind: str) -> tuple[str, str]:
    """The safetensors file and the sidecar of a kind."""
    return f"{KINDS[kind]}.safetensors", f"{KINDS[kind]}.json"


def make_manifest(kind: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The manifest of files, name to content."""
    described = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    return {"format": FORMAT, "kind": kind, "files": described}


def read_manifest(path: Path, where: str) -> dict[str, Any]:
    """The manifest in a file.

    Args:
        where: what a message calls the repository.

    Raises:
        UserError: for anything but a manifest of this format.
    """
    try:
        content = json.loads(path.read_bytes())
        kind, files = content["kind"], content["files"]
        complete = content["format"] == FORMAT and set(files) == set(file_names(kind))
        complete = complete and all(_is_description(item) for item in files.values())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{where}: {MANIFEST} is not a manifest ({error!r})") from error
    if not complete:
        raise UserError(f"{where}: {MANIFEST} is not a manifest of the format {FORMAT!r}")
    return dict(content)


def require_unchanged(path: Path, described: Mapping[str, Any], where: str) -> None:
    """Refuse a file that is not what the manifest says.

    A changed file is removed, so that the next attempt does not find it in the cache.

    Raises:
        UserError: with both sizes or both hashes.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    pairs = [(name, described[name], found) for name, found in _found(content, digest)]
    for name, expected, received in pairs:
        if expected != received:
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise UserError(
                f"{where}: {path.name} is truncated or changed: {name} {received}, "
                f"expected {expected}"
            )


def _found(content: bytes, digest: str) -> list[tuple[str, Any]]:
    return [("bytes", len(content)), ("sha256", digest)]


def _is_description(item: Any) -> bool:
    return isinstance(item["bytes"], int) and bool(SHA256.fullmatch(item["sha256"]))
