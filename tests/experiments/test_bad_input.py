"""A battery over every command: whatever a flag cannot mean is one clear line and exit code 2."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest

from experiments.shared.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from tests.experiments.bad_input import BASE, SHIPPED, Case, cases
from tests.experiments.running import COMMANDS, exit_code
from tests.renderers import needs_pybullet

WORK = {
    "experiments.benchmark.env.speed": ("measure",),
    "experiments.benchmark.gqn.speed": ("measure",),
    "experiments.benchmark.start.speed": ("work", "timed"),
    "experiments.compare_observations": ("train",),
    "experiments.study.summary": ("summarise",),
    "agents.saving.sb3_zip": ("export_zip",),
    "experiments.download_dataset": ("_download",),
    "experiments.evaluation.agent": ("measure",),
    "experiments.evaluation.gqn": ("_measure_prediction",),
    "gqn_rl.onnx_export": ("export",),
    "experiments.generate_dataset": ("_make",),
    "experiments.hub.__main__": ("push", "pull"),
    "experiments.make_stimuli": ("photographed",),
    "experiments.agent.ideal.ladder": ("ideal_figures",),
    "experiments.mental_rotation_benchmark": ("pictures",),
    "experiments.agent.episode": ("record_episode",),
    "experiments.gqn_training.run": ("train",),
    "experiments.recording.data_set": ("record",),
    "experiments.train_agent": ("train_and_measure",),
    "experiments.agent.optimization": ("optimize",),
    "experiments.train_rllib": ("train",),
    "experiments.stock.training": ("learn",),
}
"""Module to what it does once its input is accepted."""
CASES = cases()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with things that are no input, and places that are no output."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "empty folder").mkdir()
    (folder / "occupied").mkdir()
    (folder / "occupied" / "precious.txt").write_text("precious")
    records = folder / "shepard_metzler_7_parts" / "train"
    records.mkdir(parents=True)
    (records / "001-of-900.tfrecord").write_bytes(bytes(range(100)))
    (folder / "text file").write_text("precious: [")
    (folder / "binary file").write_bytes(bytes(range(256)) * 8)
    return folder


@pytest.fixture(autouse=True)
def nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is accepted fails at once, instead of working for minutes."""

    def accepted(*args: object, **options: object) -> None:
        raise AssertionError("the input was accepted")

    for module, names in WORK.items():
        for name in names:
            monkeypatch.setattr(import_module(module), name, accepted)
    # it is asked for last
    monkeypatch.setattr("experiments.rllib.cluster.imported_ray", lambda: None)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input_is_refused_in_one_line_and_nothing_is_lost(
    case: Case,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(files)
    words = case.words(files, tmp_path / "new")
    assert exit_code(monkeypatch, case.command, words) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    only_line(message)
    names = (case.flag, case.flag.replace("_", "-"), case.value.format(files=files) or "''")
    assert any(name in message for name in names), message
    assert contents(files) == before


def only_line(message: str) -> str:
    """The line that says what is wrong, last of what was printed; there is no other."""
    lines = message.splitlines()
    assert "Traceback" not in message
    assert [line.startswith("error: ") for line in lines] == [*[False] * (len(lines) - 1), True]
    return lines[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_words_that_are_no_flags_are_refused_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for flag in fields(COMMANDS[command].parts()[1]):
        name = f"--{flag.name.replace('_', '-')}"
        typed = f"{name}x"
        for words, said in (
            ([typed, "3"], f"unknown flag {typed}; did you mean {name}?"),
            (["stray", name], "'stray' follows no flag"),
        ):
            assert exit_code(monkeypatch, command, words) == EXIT_BAD_INPUT
            assert said in only_line(capsys.readouterr().err)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_flag_without_its_value_is_refused_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = get_type_hints(COMMANDS[command].parts()[1])
    for name in [name for name, kind in kinds.items() if kind in (int, float, str, Path)]:
        flag = f"--{name.replace('_', '-')}"
        assert exit_code(monkeypatch, command, [flag]) == EXIT_BAD_INPUT
        assert f"{flag} has no value, expected a " in only_line(capsys.readouterr().err)


INTERRUPTIBLE = {
    "benchmark env": "experiments.benchmark.env.speed.measure",
    "benchmark gqn": "experiments.benchmark.gqn.speed.measure",
    "benchmark start": "experiments.benchmark.start.speed.timed",
    "compare_observations": "experiments.compare_observations.train",
    "convert_dataset": "experiments.convert_dataset.convert",
    "download_dataset": "experiments.download_dataset._download",
    "evaluate_agent": "experiments.evaluation.agent.measure",
    "evaluate_gqn": "experiments.evaluation.gqn._measure_prediction",
    "export_onnx": "gqn_rl.onnx_export.export",
    "generate_dataset": "experiments.generate_dataset._make",
    "hub pull": "experiments.hub.__main__.pull",
    "hub push": "experiments.hub.__main__.push",
    "make_stimuli": "experiments.make_stimuli.photographed",
    "mental_rotation_benchmark": "experiments.mental_rotation_benchmark.pictures",
    "play_episode": "experiments.agent.episode.record_episode",
    "pretrain_gqn": "experiments.gqn_training.run.train",
    "record_dataset": "experiments.recording.data_set.record",
    "train_agent": "experiments.train_agent.train_and_measure",
    "train_rllib": "experiments.train_rllib.train",
    "train_stock_agent": "experiments.stock.training.learn",
}

INTERRUPTIBLE_HERE = [
    pytest.param(name, marks=needs_pybullet if name == "benchmark env" else ())
    for name in INTERRUPTIBLE
]


@pytest.mark.parametrize("command", INTERRUPTIBLE_HERE)
def test_an_interrupt_is_no_error(
    command: str,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(INTERRUPTIBLE[command], interrupted)
    small = {"generate_dataset": ["--workers", "0"], "pretrain_gqn": ["--preset", "tiny"]}
    words = [word.format(files=files, new=tmp_path / "new") for word in BASE.get(command, ())]
    assert exit_code(monkeypatch, command, words + small.get(command, [])) == EXIT_INTERRUPTED
    message = capsys.readouterr().err
    assert message.endswith("interrupted\n")
    assert "Traceback" not in message


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB with a file on it that must not be lost."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("a small disk can be made by root alone")
    try:
        (disk / "precious").write_text("precious")
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


WRITERS = {
    "generate_dataset": "--output {disk}/new --scenes 4 --workers 0",
    "play_episode": "--output {disk}/new.gif --moves left",
    "convert_agent": f"--source {SHIPPED} --output {{disk}}/new.zip",
    "train_agent": "--output {disk}/new --observation state --num-envs 2 --total-timesteps 64",
}
"""Commands that write something, at once or in the end."""


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk_is_one_line_and_costs_nothing(
    command: str,
    full_disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()  # of `nothing_is_done`: this is about the work
    words = WRITERS[command].format(disk=full_disk).split()
    assert exit_code(monkeypatch, command, words) == EXIT_BAD_INPUT
    errors = capsys.readouterr().err.splitlines()
    assert len([line for line in errors if line.startswith("error: ")]) == 1
    assert "No space left" in errors[-1]
    found = contents(full_disk)
    assert found.pop("precious") == b"precious"
    assert all(content and ".tmp" not in name for name, content in found.items())  # nothing torn


def test_the_battery_is_large() -> None:
    assert len(CASES) >= 200
    assert {case.command for case in CASES} == set(COMMANDS)
