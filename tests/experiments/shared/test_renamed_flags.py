"""Flags have one name for one thing in all commands; older names go on working, unseen."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import experiments
from experiments.shared.command import run_command
from experiments.shared.device import AgentDeviceFlag, DeviceFlag
from experiments.shared.renamed_flags import RENAMED, Renamed, current_settings
from tests.experiments.running import COMMANDS

OLD = [
    (command, renamed)
    for command in COMMANDS
    for renamed in RENAMED
    if renamed.is_of(field.name for field in fields(COMMANDS[command].parts()[1]))
]


def parsed(monkeypatch: pytest.MonkeyPatch, command: str, *words: str) -> Any:
    """The settings that a command gets for a command line."""
    _, settings = COMMANDS[command].parts()
    received: list[Any] = []
    monkeypatch.setattr("sys.argv", [command, *words])
    run_command(received.append, settings, None)
    return received[0]


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@pytest.mark.parametrize("form", ["--a-b 3", "--a-b=3", "--a_b 3"])
@pytest.mark.parametrize(("command", "renamed"), OLD, ids=str)
def test_an_older_name_means_the_new_flag(
    command: str, renamed: Renamed, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = flag(renamed.old) if "a-b" in form else f"--{renamed.old}"
    words = [f"{old}=3"] if "=" in form else [old, "3"]
    required = ["--output", "x"] if command == "generate_dataset" else []
    value = getattr(parsed(monkeypatch, command, *words, *required), renamed.new)
    assert str(value) in ("3", "3.0") or value == 3 * (renamed.factor or 1)


@pytest.mark.parametrize(("command", "renamed"), OLD, ids=str)
def test_an_older_name_is_not_shown(
    command: str,
    renamed: Renamed,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parsed(monkeypatch, command, "--help")
    words = capsys.readouterr().out.split()
    assert flag(renamed.new) in words
    assert flag(renamed.old) not in words


def test_every_older_name_was_some_command_s() -> None:
    assert {renamed for _, renamed in OLD} == set(RENAMED)


def test_an_older_settings_file_is_read_in_its_own_unit() -> None:
    agent, gqn = ["max_minutes", "total_timesteps"], ["max_minutes", "iterations"]
    assert current_settings({"time_limit": 420.0}, agent) == {"max_minutes": 7.0}
    assert current_settings({"time_limit": 12.0}, gqn) == {"max_minutes": 12.0}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_flag_that_is_no_number_of_minutes_is_refused_by_its_new_name(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, settings = COMMANDS[name].parts()
    if "max_minutes" not in {field.name for field in fields(settings)}:
        return
    with pytest.raises(SystemExit) as leaving:
        parsed(monkeypatch, name, "--time-limit", "soon")
    assert leaving.value.code == 2
    assert "--max-minutes" in capsys.readouterr().err


def test_one_name_has_one_type_in_all_commands() -> None:
    types: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for field in fields(command.parts()[1]):
            kind = str(field.type).removesuffix(" | None").replace("Path", "str")
            types.setdefault(field.name, set()).add(kind)
    differing = {name: kinds for name, kinds in types.items() if len(kinds) > 1}
    assert differing == {}


@pytest.mark.parametrize("name", ["seed", "threads", "workers", "max_minutes", "logger"])
def test_what_all_commands_share_is_in_one_unit_and_has_one_default(name: str) -> None:
    found = {
        command: field.default
        for command, entry in COMMANDS.items()
        for field in fields(entry.parts()[1])
        if field.name == name
    }
    of_agents = {key: value for key, value in found.items() if key.startswith("train")}
    assert len(found) > 1
    assert len(set(of_agents.values())) <= 1
    if name in ("seed", "threads"):
        assert set(found.values()) == {0}


def test_a_device_is_chosen_by_one_flag_for_gqns_and_one_for_agents() -> None:
    all_settings = [entry.parts()[1] for entry in COMMANDS.values()]
    chosen = [settings for settings in all_settings if "device" in get_type_hints(settings)]
    of_agents = {settings for settings in chosen if issubclass(settings, AgentDeviceFlag)}
    assert {settings.device for settings in of_agents} == {AgentDeviceFlag.device}
    others = set(chosen) - of_agents
    assert {settings.device for settings in others} == {DeviceFlag.device}
    assert all(issubclass(settings, DeviceFlag) for settings in others)


def test_every_command_is_in_the_table() -> None:
    folder = Path(experiments.__file__).parent
    runnable = {
        path.parent.name if path.stem == "__main__" else path.stem
        for path in folder.rglob("*.py")
        if '__name__ == "__main__"' in path.read_text()
    }
    assert {name.split()[0] for name in COMMANDS} == runnable
