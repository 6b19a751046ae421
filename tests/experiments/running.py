"""Runs a command in this process, as its users do from a shell."""

from __future__ import annotations

from types import ModuleType

import pytest

from experiments.shared.command import run_command


def run(
    monkeypatch: pytest.MonkeyPatch, command: ModuleType, settings: type, **flags: object
) -> int:
    """The exit code of a command with these flags."""
    words = []
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [flag, str(value)]
    monkeypatch.setattr("sys.argv", [command.__name__, *words])
    try:
        run_command(command.main, settings, command.__doc__)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0
