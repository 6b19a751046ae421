"""`evaluate_gqn --data-path`: prediction on scenes from disk, ours or converted ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments import convert_dataset, generate_dataset
from experiments.shared.command import EXIT_BAD_INPUT
from gqn_rl.data.deepmind import DATASETS
from gqn_rl.data.shard_file import read_headers
from gqn_rl.gqn.checkpoint import save_checkpoint
from tests.experiments.gqn.evaluations import numbers_in, run, save_tiny, tiny_model
from tests.gqn_rl.data.tfrecord_writer import scene, write_records

SM5 = DATASETS["shepard_metzler_5_parts"]
FLAGS = ["--scenes", "3", "--views", "1", "2", "--samples", "3", "--sample-views", "2"]
FLAGS += ["--device", "cpu"]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    generate_dataset.main(
        generate_dataset.GenerateDatasetSettings(folder, scenes=4, num_views=3, workers=0)
    )
    return folder


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("theirs")
    path = folder / "raw" / SM5.file_name("test", 1)
    rng = np.random.default_rng(0)
    write_records(path, [scene(rng, SM5) for _ in range(3)])
    convert_dataset.main(
        convert_dataset.ConvertDatasetSettings(path.parent, folder / "shards", workers=0)
    )
    return folder / "shards"


def test_prediction_on_our_scenes_from_disk(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = save_tiny(tmp_path / "tiny.safetensors", tiny_model(0))
    flags = [*FLAGS, "--weights", weights, "--data-path", ours, "--output", tmp_path / "out"]
    assert run(monkeypatch, *flags) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    found = metrics["prediction"]["stored"]
    assert set(found["views"]) == {"1", "2"}
    assert np.isfinite(list(numbers_in(found))).all()
    assert found["views"]["2"]["rmse"] != found["views"]["1"]["rmse"]
    assert (tmp_path / "out" / "contact_sheet.png").exists()


def test_weights_of_converted_scenes_are_measured_on_converted_scenes(
    converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    shard = read_headers(converted)[0]
    weights = tmp_path / "theirs.safetensors"
    about = {"renderer": shard.renderer, "camera": shard.camera}
    save_checkpoint(weights, tiny_model(0), record={"training": {"step": 0}}, **about)
    flags = [*FLAGS, "--weights", weights, "--data-path", converted]
    assert run(monkeypatch, *flags, "--output", tmp_path / "out") == 0
    assert "stored: errors (0-255) over 3 queries" in capsys.readouterr().out


REFUSED = {
    "other pictures": ("converted", (), "but the weights were trained on"),
    "too few scenes": ("ours", ("--scenes", "9"), "scenes is 9, expected at most 4"),
    "too few views": ("ours", ("--views", "3"), "views is 3, expected at most 2"),
    "no data": ("missing", (), "no data in"),
    "no record": ("ours", ("--write-record",), "write_record is True"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_measured_is_one_line(
    case: str,
    ours: Path,
    converted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, changes, message = REFUSED[case]
    folders = {"ours": ours, "converted": converted, "missing": tmp_path / "missing"}
    weights = save_tiny(tmp_path / "tiny.safetensors", tiny_model(0))
    flags = ["--sample-views", "2", "--device", "cpu"]
    for flag, value in (("--scenes", "3"), ("--views", "1")):
        flags += [] if flag in changes else [flag, value]
    flags += [*changes, "--weights", str(weights), "--data-path", str(folders[data])]
    assert run(monkeypatch, *flags, "--output", tmp_path / "out") == EXIT_BAD_INPUT
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.splitlines()) == 1
    assert not (tmp_path / "out").exists()
