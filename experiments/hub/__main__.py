"""Push weights and agents to the Hugging Face hub, or pull them from it.

HF_ENDPOINT names another hub; the token comes from HF_TOKEN or from `hf auth login`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from experiments.shared.command import (
    check_new_folder,
    chosen_subcommand,
    new_run_folder,
    run_command,
)
from gqn_rl.errors import UserError
from gqn_rl.files import write_bytes
from gqn_rl.hub.manifest import file_names
from gqn_rl.hub.repository import HubAddress, is_address, parse_address, pull, push

SUBCOMMANDS = {
    "push": "Push weights or an agent.",
    "pull": "Pull whatever a repository holds.",
}


@dataclass(frozen=True)
class PushSettings:
    """Flags of `python -m experiments.hub push`."""

    source: str
    """What to push: shipped weights by name, such as small; the id of an environment for which an
    agent ships; a run folder; or a .safetensors file of either."""
    repository: str
    """owner/name; made if it is not there."""
    revision: str | None = None
    """Branch to write to; by default the main one."""
    private: bool = False
    """Whether a repository that is made here is private."""
    license: str | None = None
    """Licence that the model card states, such as mit; by default none."""
    message: str = "Push with gqn_rl"
    """Message of the commit."""


@dataclass(frozen=True)
class PullSettings:
    """Flags of `python -m experiments.hub pull`."""

    repository: str
    """owner/name or owner/name@revision."""
    revision: str | None = None
    """Branch, tag or commit; by default the main branch."""
    output: Path | None = None
    """Folder for the files; by default runs/hub-<time>."""


def push_source(settings: PushSettings) -> None:
    """Check that the source loads, then push it."""
    from agents.saving.bundle import load_bundle
    from experiments.hub.card import agent_card, weights_card
    from gqn_rl.gqn.checkpoint import load_checkpoint, sidecar_path

    address = address_of(settings.repository, settings.revision)
    path, kind = find_source(settings.source)
    if kind == "weights":
        _, sidecar = load_checkpoint(path)
        card = weights_card(address.repository, sidecar, settings.license)
    else:
        card = agent_card(address.repository, load_bundle(path).record, settings.license)
    weights, sidecar_name = file_names(kind)
    files = {weights: path.read_bytes(), sidecar_name: sidecar_path(path).read_bytes()}
    written = push(address, kind, files, card, private=settings.private, message=settings.message)
    print(written)


def pull_files(settings: PullSettings) -> None:
    """Fetch, check that it loads, and write the output folder."""
    from agents.saving.bundle import load_bundle
    from gqn_rl.gqn.checkpoint import load_checkpoint, sidecar_path

    address = address_of(settings.repository, settings.revision)
    if settings.output is not None:
        check_new_folder(settings.output)
    found = pull(address)
    kind = "agent" if found.name == file_names("agent")[0] else "weights"
    if kind == "weights":
        load_checkpoint(found)
    else:
        load_bundle(found)
    folder = new_run_folder(settings.output, "hub")
    for path in (found, sidecar_path(found)):
        write_bytes(folder / path.name, path.read_bytes())
    print(folder / found.name)


def address_of(repository: str, revision: str | None) -> HubAddress:
    """The address in two flags, of which the first may hold both."""
    address = parse_address(repository)
    if revision is None:
        return address
    if address.revision not in (None, revision):
        raise UserError(f"repository is {repository!r}, but --revision is {revision!r}")
    return HubAddress(address.repository, revision)


def find_source(source: str) -> tuple[Path, str]:
    """The safetensors file that is meant, and whether it is "weights" or an "agent"."""
    from agents.saving.bundle import TRAINED, weights_path
    from gqn_rl.gqn.checkpoint import pretrained_path, shipped_names

    if is_address(source):
        raise UserError(f"source is {source!r}, expected something on this machine")
    path = Path(source)
    if source in shipped_names():
        return pretrained_path(source), "weights"
    if (TRAINED / f"{source}.safetensors").is_file():
        return TRAINED / f"{source}.safetensors", "agent"
    if path.is_dir():
        return found_in(path)
    path = weights_path(path)
    if path.is_file():
        return path, "agent" if is_agent(path) else "weights"
    known = [*shipped_names(), *(file.stem for file in sorted(TRAINED.glob("*.safetensors")))]
    raise UserError(f"source {source!r} does not exist; expected a path or one of {known}")


def found_in(folder: Path) -> tuple[Path, str]:
    """What a run folder holds."""
    for kind in ("agent", "weights"):
        path = folder / file_names(kind)[0]
        if path.is_file():
            return path, kind
    raise UserError(
        f"source {str(folder)!r} holds neither {file_names('agent')[0]} nor "
        f"{file_names('weights')[0]}"
    )


def is_agent(path: Path) -> bool:
    """Whether a sidecar is that of an agent."""
    from gqn_rl.gqn.checkpoint import sidecar_path

    sidecar = sidecar_path(path)
    return sidecar.is_file() and re.search(r'^  "algo"', sidecar.read_text(), re.M) is not None


def main(arguments: list[str]) -> None:
    """Run the subcommand that the first argument names, with the others as its flags."""
    if chosen_subcommand(SUBCOMMANDS, arguments, "hub", __doc__) == "push":
        run_command(push_source, PushSettings, __doc__)
    else:
        run_command(pull_files, PullSettings, __doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
