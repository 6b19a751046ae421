"""A battery over every command: whatever a flag cannot mean is one clear line and exit code 2."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from experiments import train_rllib
from experiments.shared.command import EXIT_BAD_INPUT
from tests.experiments.bad_input import Case, cases
from tests.experiments.running import COMMANDS, exit_code

WORK = {
    "experiments.benchmark.env_speed": ("measure",),
    "experiments.benchmark.gqn_speed": ("measure",),
    "experiments.compare_observations": ("train", "summarise"),
    "experiments.convert_agent": ("export_zip",),
    "experiments.download_dataset": ("_download",),
    "experiments.evaluate_agent": ("measure",),
    "experiments.evaluate_gqn": ("_measure_prediction",),
    "experiments.export_onnx": ("export",),
    "experiments.generate_dataset": ("_make",),
    "experiments.hub.__main__": ("push", "pull"),
    "experiments.play_episode": ("record_episode",),
    "experiments.pretrain_gqn": ("train",),
    "experiments.train_agent": ("train_and_measure", "optimize"),
    "experiments.train_rllib": ("train",),
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
    monkeypatch.setattr(train_rllib, "imported_ray", lambda: None)  # it is asked for last


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
    assert "Traceback" not in message
    lines = [line for line in message.splitlines() if line.startswith("error: ")]
    parsed = "For full helptext" in message  # the flags' own reader refuses types, in a frame
    assert parsed or len(lines) == 1
    names = (case.flag, case.flag.replace("_", "-"), case.value.format(files=files) or "''")
    assert any(name in message for name in names), message
    assert contents(files) == before


def test_the_battery_is_large() -> None:
    assert len(CASES) >= 200
    assert {case.command for case in CASES} == set(COMMANDS)
