"""`evaluate_gqn`: every kind of bad input is one line, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.shared.command import EXIT_BAD_INPUT
from tests.experiments.gqn.evaluations import (
    SMALL,
    run,
)

BAD_INPUT = {
    "model": (["--weights", "enormous"], "enormous"),
    "missing file": (["--weights", "no/such.safetensors"], "no/such.safetensors"),
    "one scene": (["--scenes", "1"], "scenes is 1"),
    "no views": (["--views", "0", "1"], "views has 0"),
    "too many views": (["--views", "3", "11"], "views has 11"),
    "sample views": (["--sample-views", "11"], "sample_views has 11"),
    "probe views": (["--probe-views", "0"], "probe_views has 0"),
    "probe orientation": (["--probe-orientations", "upside"], "upside"),
    "probe scenes": (["--probe-scenes", "3"], "probe_scenes is 3"),
    "probe test scenes": (["--probe-test-scenes", "2"], "probe_test_scenes is 2"),
    "probe": (["--probes", "shape", "taste"], "unknown probe 'taste'"),
    "variance views": (["--variance-views", "12"], "variance_views has 12"),
    "chiral shapes": (["--num-cubes", "4", "--shapes", "all"], "too few chiral shapes"),
    "samples": (["--samples", "0"], "samples is 0"),
    "ideal scenes": (["--ideal-scenes", "-1"], "ideal_scenes is -1"),
    "gallery": (["--gallery-size", "1000"], "gallery_size is 1000"),
    "shapes": (["--shapes", "new"], "new"),
    "cubes": (["--num-cubes", "0"], "0"),
    "no file": (["--shapes", "no/such.txt"], "cannot read shapes from no/such.txt"),
    "position": (["--position", "left"], "unknown position 'left'"),
    "ten cubes": (["--num-cubes", "10"], "expected --ideal-scenes 0 --probe-scenes 0 --turning"),
    "renderer": (["--renderer", "pencil"], "pencil"),
    "precision": (["--precision", "fp7"], "fp7"),
    "device": (["--device", "toaster"], "toaster"),
    "seed": (["--seed", "-1"], "seed is -1"),
    "steps": (["--steps", "3"], "steps is 3, expected 0 for the family lattice"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_code_2(
    case: str, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    flags, named = BAD_INPUT[case]
    given = ["--weights", runs / "tiny-0.safetensors", *SMALL, *flags, "--output", tmp_path / "out"]
    assert run(monkeypatch, *given) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert named in message
    assert not (tmp_path / "out").exists()  # nothing was begun


def test_weights_for_other_pictures_or_truncated_ones_are_refused(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    weights = (runs / "tiny-0.safetensors").read_bytes()
    sidecar = json.loads((runs / "tiny-0.json").read_text())
    for change, content, named in (
        ({"image_size": 32}, weights, "image_size=32"),
        ({}, weights[:-10], "truncated"),
    ):
        (tmp_path / "model.safetensors").write_bytes(content)
        changed = sidecar | {"renderer": sidecar["renderer"] | change}
        (tmp_path / "model.json").write_text(json.dumps(changed))
        flags = ["--weights", tmp_path, "--output", tmp_path / "out"]
        assert run(monkeypatch, *SMALL, *flags) == EXIT_BAD_INPUT
        message = capsys.readouterr().err
        assert named in message
        assert message.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_an_output_folder_that_exists_is_left_alone(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    before = {file.name: file.stat().st_mtime_ns for file in (runs / "run-0").iterdir()}
    flags = ["--weights", runs / "tiny-0.safetensors", "--output", runs / "run-0"]
    assert run(monkeypatch, *SMALL, *flags) == EXIT_BAD_INPUT
    assert "exists" in capsys.readouterr().err
    assert {file.name: file.stat().st_mtime_ns for file in (runs / "run-0").iterdir()} == before
