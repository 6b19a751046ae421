"""Weights and agents on the Hugging Face hub, or on whatever `HF_ENDPOINT` names.

`huggingface_hub` does the talking: it keeps a cache, resumes nothing half-done, and takes the token
from `HF_TOKEN` or from `hf auth login`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gqn_rl.errors import UserError
from gqn_rl.extras import require
from gqn_rl.files import json_text
from gqn_rl.hub.manifest import (
    MANIFEST,
    file_names,
    make_manifest,
    read_manifest,
    require_unchanged,
)

PREFIX = "hub:"
FORM = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
ANSWER_WITHIN = 10.0
"""Seconds that a hub may take for its first answer."""


@dataclass(frozen=True)
class HubAddress:
    """A repository on the hub.

    Attributes:
        repository: owner/name.
        revision: branch, tag or commit; None for the main branch.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_address(text: object) -> bool:
    """Whether a name or path is one on the hub."""
    return str(text).startswith(PREFIX)


def parse_address(text: object) -> HubAddress:
    """The address in "hub:owner/name" or "hub:owner/name@revision"; the prefix may be missing.

    Raises:
        UserError: for any other text.
    """
    match = FORM.fullmatch(str(text).removeprefix(PREFIX))
    if match is None:
        raise UserError(f"hub address is {str(text)!r}, expected hub:owner/name[@revision]")
    return HubAddress(match["repository"], match["revision"])


def pull(address: HubAddress, kind: str | None = None) -> Path:
    """Fetch a repository's files into the cache of `huggingface_hub` and check them.

    All files are of one commit, also where the branch moves meanwhile. Without a connection, what
    the cache holds of that revision is used.

    Args:
        kind: "weights" or "agent"; None for whatever the repository holds.

    Returns:
        The safetensors file, its sidecar beside it. They may be links: not to be written to.

    Raises:
        UserError: for a hub that cannot be reached, a repository or revision that is not there or
            not for you, a repository of another kind, or a file that is not what the manifest says.
    """
    hub = require("huggingface_hub", "hub")
    with _one_line(f"cannot pull {address}"):
        manifest_path = _fetch_manifest(hub, address)
        manifest = read_manifest(manifest_path, str(address))
        if kind not in (None, manifest["kind"]):
            raise UserError(f"{address} holds {manifest['kind']!r}, expected {kind!r}")
        commit = manifest_path.parent.name
        for name, described in manifest["files"].items():
            path = Path(hub.hf_hub_download(address.repository, name, revision=commit))
            require_unchanged(path, described, str(address))
    return manifest_path.with_name(file_names(manifest["kind"])[0])


def push(
    address: HubAddress,
    kind: str,
    files: dict[str, bytes],
    card: str,
    *,
    private: bool = False,
    message: str = "Push with gqn_rl",
) -> str:
    """Write one commit with a thing's two files, its manifest and its model card.

    Args:
        address: made, with its branch, where it is not there yet.
        kind: "weights" or "agent".
        files: `file_names(kind)` to content.
        card: README.md, with the hub's metadata in front.
        private: of a repository that is made here.

    Returns:
        The address with the commit as its revision.

    Raises:
        UserError: for a hub that cannot be reached or that refuses.
    """
    hub = require("huggingface_hub", "hub")
    contents = {
        **files,
        MANIFEST: json_text(make_manifest(kind, files)).encode(),
        "README.md": card.encode(),
    }
    operations = [
        hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
        for name, content in contents.items()
    ]
    api = hub.HfApi()
    with _one_line(f"cannot push to {address}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The hub's remarks on metadata are no user's mistake.
        _make_place(api, address, private)
        commit = api.create_commit(
            address.repository, operations, commit_message=message, revision=address.revision
        )
    return str(HubAddress(address.repository, str(commit.oid)))


def _fetch_manifest(hub: ModuleType, address: HubAddress) -> Path:
    """The manifest, in the cache's folder of its commit.

    A download tries again for minutes where a hub does not answer, so that is found out first.
    """
    unreachable = (_transport_error(), ConnectionError)
    try:
        hub.HfApi().repo_info(address.repository, revision=address.revision, timeout=ANSWER_WITHIN)
        silence = None
    except require("huggingface_hub.errors", "hub").HfHubHTTPError:
        raise
    except unreachable as error:
        silence = error
    try:
        path = hub.hf_hub_download(
            address.repository,
            MANIFEST,
            revision=address.revision,
            local_files_only=silence is not None,
        )
    except OSError as error:
        raise silence or error from error
    return Path(path)


def _make_place(api: Any, address: HubAddress, private: bool) -> None:
    """A repository and a branch to push to. The first request has a time limit; hub's have none."""
    errors = require("huggingface_hub.errors", "hub")
    try:
        api.repo_info(address.repository, timeout=ANSWER_WITHIN)
    except errors.RepositoryNotFoundError:
        api.create_repo(address.repository, private=private, exist_ok=True)
    if address.revision is not None:
        api.create_branch(address.repository, branch=address.revision, exist_ok=True)


@contextmanager
def _one_line(failure: str) -> Iterator[None]:
    """Turn what `huggingface_hub` raises into one line."""
    errors = require("huggingface_hub.errors", "hub")
    endpoint = require("huggingface_hub.constants", "hub").ENDPOINT
    try:
        yield
    except UserError:
        raise
    except errors.GatedRepoError as error:
        raise UserError(f"{failure}: you have no access; see `hf auth login`") from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{failure}: there is no such revision") from error
    except errors.RemoteEntryNotFoundError as error:
        raise UserError(f"{failure}: it holds no {MANIFEST}, so that nothing of it fits") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{failure}: there is none, or not for you; see `hf auth login`") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        reason = "you are not allowed to; see `hf auth login`" if status in (401, 403) else error
        raise UserError(f"{failure}: {_first_line(reason)}") from error
    except (ConnectionError, _transport_error()) as error:
        raise UserError(f"{failure}: no answer from {endpoint} ({_first_line(error)})") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{failure}: {_first_line(error)} ({endpoint})") from error


def _transport_error() -> type[Exception]:
    """The base class of what goes wrong below HTTP, in the library that huggingface_hub uses."""
    found: type[Exception] = require("huggingface_hub.errors", "hub").HfHubHTTPError.__mro__[1]
    return found


def _first_line(error: object) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]
