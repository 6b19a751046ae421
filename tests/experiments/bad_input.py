"""Tables of bad input: what no flag of a type can mean, and what particular flags cannot."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from agents.saving.bundle import TRAINED
from tests.experiments.running import COMMANDS

HUGE = str(10**30)
NEVER = {
    int: ("many", "1.5", "nan", "", "-1", HUGE),
    float: ("soon", "", "nan", "inf", "-1"),
    bool: ("perhaps",),
}
"""Type of a flag to what it never means."""
SHIPPED = str(TRAINED / "GQNShepard-v0.safetensors")
STRUCTURAL = ("missing", "empty folder", "text file", "binary file")
"""Kinds of paths that no input is."""
NAMES = frozenset(
    (
        *("env_id", "encoder", "renderer", "shapes", "eval_shapes", "observation", "gallery"),
        *("orientation", "algo", "logger", "device", "precision", "preset", "recipe", "weights"),
        *("sigma_schedule", "initial_weights", "probes", "probe_orientations", "agents", "cameras"),
        *("dataset", "split", "shards", "base_url", "clock", "others", "look_around", "moves"),
        *("hyper", "repository", "rotation", "camera", "angles", "appearance", "position"),
        *("stimuli", "colours", "rungs"),
    )
)
"""Flags that name something of a table, or have a form."""
INPUTS = frozenset(("agent", "source", "data_path", "evaluation_path", "input", "hyperparameters"))
INPUTS |= {"resume", "report_only", "tables"}
"""Flags that name a file or folder to read."""
LARGE = {"num_envs": "1000000000", "gallery_size": "1000000", "num_cubes": "1000", "port": "70000"}
"""Numbers of 64 bits that are too large all the same."""
RECORDS = "{files}/shepard_metzler_7_parts/train"
"""A folder named as DeepMind's, with a damaged file."""
BASE: dict[str, tuple[str, ...]] = {
    "convert_agent": ("--source", "{files}/none.zip", "--output", "{new}"),
    "convert_dataset": ("--input", RECORDS, "--output", "{new}", "--workers", "0"),
    "generate_dataset": ("--output", "{new}", "--image-size", "16"),
    "hub push": ("--source", "small", "--repository", "owner/name"),
    "hub pull": ("--repository", "owner/name", "--output", "{new}"),
    "export_onnx": ("--output", "{new}.onnx"),
    "plot_trials": ("--tables", "{files}/no table", "--output", "{new}.png"),
    "play_episode": ("--output", "{new}.gif", "--moves", "left"),
    "train_agent": ("--observation", "state", "--num-envs", "2", "--output", "{new}"),
    "download_dataset": ("--output", "{new}"),
    "explore": (),
}
"""Command to flags with which only the bad one is to blame."""
INSTEAD = {
    **{("train_agent", name): ("--output", "{new}") for name in ("observation", "encoder")},
    ("convert_agent", "output"): ("--source", SHIPPED),
    ("play_episode", "agent"): ("--output", "{new}.gif"),
}
"""Command and flag to what `BASE` has there."""
FINE = {
    ("download_dataset", "output", "{files}/occupied"),  # it adds to what is there
    ("pretrain_gqn", "evaluation_path", None),  # needs converted data; see test_pretrain_gqn
}
"""What is meant, or tested elsewhere; None for any value."""


@dataclass(frozen=True)
class Case:
    """A command line that is to be refused.

    Attributes:
        command: in `COMMANDS`.
        flag: the field that is to blame.
        value: what it is given; "{files}" and "{new}" stand for folders of the test.
    """

    command: str
    flag: str
    value: str

    def __str__(self) -> str:
        return f"{self.command} {self.flag} {self.value or 'empty'}"

    def words(self, files: Path, new: Path) -> list[str]:
        """The command line."""
        own = f"--{self.flag.replace('_', '-')}"
        usual = BASE.get(self.command, ("--output", "{new}"))
        base = list(INSTEAD.get((self.command, self.flag), usual))
        if own in base:
            at = base.index(own)
            del base[at : at + 2]
        words = [*base, f"{own}={self.value}"]
        return [word.format(files=files, new=new) for word in words]


def cases() -> list[Case]:
    """All of them, each once."""
    found: dict[Case, None] = {}
    for command, entry in COMMANDS.items():
        settings = entry.parts()[1]
        hints = get_type_hints(settings)
        for field in fields(settings):
            for value in _values(field.name, hints[field.name]):
                if FINE & {(command, field.name, value), (command, field.name, None)}:
                    continue
                found[Case(command, field.name, value)] = None
    return list(found)


def _values(name: str, hint: Any) -> Iterator[str]:
    kind = _kind(hint)
    yield from NEVER.get(kind, ())
    if name in LARGE and kind is int:
        yield LARGE[name]
    if name == "seed":
        yield str(2**32)
    if name in INPUTS:
        yield from (f"{{files}}/{what}" for what in STRUCTURAL)
    elif name in NAMES:
        yield from ("no-such-thing", "")
    if name == "trials":
        yield from ("{files}/text file", "{files}/text file/below")
    if name in ("output", "study"):
        yield from ("{files}/text file", "{files}/occupied", "{files}/text file/below")


def _kind(hint: Any) -> Any:
    """int of int, int | None and tuple[int, ...] alike."""
    if get_origin(hint) in (Union, types.UnionType, tuple):
        return _kind(next(part for part in get_args(hint) if part is not type(None)))
    return hint
