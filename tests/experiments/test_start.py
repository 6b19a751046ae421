"""How soon commands answer: what --help need not wait for is imported when it is used."""

from __future__ import annotations

import subprocess
import sys

from tests.experiments.running import COMMANDS

HEAVY = (
    "torch",
    "stable_baselines3",
    "scipy",
    "pybullet",
    "matplotlib",
    "ray",
    "gradio",
    "minari",
    "onnx",
)
"""Libraries of which each takes about as long as all of --help should, or longer."""
HELP = """
import contextlib, io, sys
from importlib import import_module
from experiments.shared.arguments import parsed

heavy = sys.argv[1].split(",")
for word in sys.argv[2:]:
    module, settings = word.split("/")
    kind = getattr(import_module(f"experiments.{module}"), settings)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            parsed(kind, ["--help"], None)
    except SystemExit as leaving:
        assert not leaving.code, word
    assert "--help" in said.getvalue(), word
    if found := [name for name in heavy if name in sys.modules]:
        sys.exit(f"--help of {word} waits for {', '.join(found)}")
"""


def test_help_of_no_command_waits_for_what_it_does_not_use() -> None:
    # One process for all: what a command imports is there for those after it, so that the first
    # one that is too slow is named, and the others only once it is mended.
    words = [f"{command.module}/{command.settings}" for command in COMMANDS.values()]
    process = subprocess.run(
        [sys.executable, "-c", HELP, ",".join(HEAVY), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr


def test_importing_environments_waits_for_no_network() -> None:
    code = f"import sys, envs; sys.exit(', '.join(set({HEAVY}) & sys.modules.keys()) or 0)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
