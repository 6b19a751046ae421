"""`--evaluation-path`: other scenes that watch pre-training on data made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import convert_dataset
from experiments.gqn.pretraining import CONTEXT_VIEWS, DataFlags, Watch, open_data
from experiments.shared.command import EXIT_BAD_INPUT
from gqn_rl.data.deepmind import DATASETS, DeepMindDataset
from gqn_rl.errors import UserError
from gqn_rl.training.group import ALONE, Group
from gqn_rl.training.recipe import Recipe
from tests.experiments.gqn.pretraining_runs import run
from tests.gqn_rl.data.tfrecord_writer import scene, write_records

SM5 = DATASETS["shepard_metzler_5_parts"]
Convert = Callable[..., Path]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """Makes a folder of so many converted scenes of DeepMind's form."""
    folder = tmp_path_factory.mktemp("deepmind")
    rng = np.random.default_rng(5)

    def make(split: str, scenes: int, dataset: DeepMindDataset = SM5) -> Path:
        output = folder / f"{dataset.name}-{split}-{scenes}"
        if not output.exists():
            raw = folder / "raw" / str(scenes) / dataset.file_name(split, 1)
            write_records(raw, [scene(rng, dataset) for _ in range(scenes)])
            settings = convert_dataset.ConvertDatasetSettings(raw.parent, output, workers=0)
            convert_dataset.main(settings)
        return output

    return make


def watch(train: Path, test: Path | None, group: Group = ALONE, **changes: int) -> Watch | None:
    recipe = Recipe(**{"batch_size": 2, "num_views": 2} | changes)
    flags = DataFlags(data_path=train, evaluation_path=test)
    return open_data(flags, 64, recipe, torch.device("cpu"), group).evaluate


@pytest.mark.parametrize(("there", "used"), [(3, 3), (70, 64)])
def test_sixty_four_scenes_are_watched_or_as_many_as_there_are(
    converted: Convert, there: int, used: int
) -> None:
    found = watch(converted("train", 4), converted("test", there))
    assert found is not None
    (views,) = found.views.values()
    assert views.images.shape[:2] == (used, CONTEXT_VIEWS + 1)
    assert len(np.unique(views.images.reshape(used, -1), axis=0)) == used  # each of them once


def test_they_are_the_same_whatever_is_trained_on_and_by_how_many_processes(
    converted: Convert,
) -> None:
    places = converted("train", 4), converted("test", 3)
    first, *others = (
        watch(*places),
        watch(*places, batch_size=4, num_views=5),
        watch(*places, group=Group(1, 2)),
    )
    assert first is not None
    for other in others:
        assert other is not None
        assert np.array_equal(other.views["held_out"].images, first.views["held_out"].images)


def test_without_it_nothing_is_watched(converted: Convert) -> None:
    assert watch(converted("train", 4), None) is None


def test_its_errors_are_recorded(
    converted: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--data-path", converted("train", 4), "--evaluation-path", converted("test", 3)]
    flags += ["--iterations", 2, "--eval-every", 1, "--output", tmp_path / "run"]
    assert run(monkeypatch, *flags) == 0
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())["record"]
    assert [found["step"] for found in record["evaluations"]] == [1, 2]
    assert all(0 < found["held_out_rmse"] < 255 for found in record["evaluations"])


def test_scenes_of_too_few_views_are_refused(
    converted: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = converted("train", 4)
    monkeypatch.setattr("experiments.gqn.pretraining.CONTEXT_VIEWS", SM5.num_views)
    with pytest.raises(UserError, match="num_views is 16, expected 1 to 15"):
        watch(train, converted("test", 3))


def test_pictures_of_another_set_and_what_is_no_data_are_refused(
    converted: Convert,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--data-path", converted("train", 4), "--output", tmp_path / "run"]
    other = converted("test", 3, DATASETS["shepard_metzler_7_parts"])
    for path, said in ((other, "renderer is"), ("no/such/folder", "no/such/folder")):
        assert run(monkeypatch, *flags, "--evaluation-path", path) == EXIT_BAD_INPUT
        assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
