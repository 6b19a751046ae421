"""What several tests of pre-training and of its evaluation read."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import generate_dataset
from tests.experiments.gqn.evaluations import SMALL, draw_no_pictures, run, save_tiny, tiny_model


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scenes of three views in two shards."""
    folder = tmp_path_factory.mktemp("data") / "train"
    settings = generate_dataset.GenerateDatasetSettings(
        output=folder, scenes=6, num_views=3, scenes_per_shard=4, renderer="raycast"
    )
    generate_dataset.main(settings)
    return folder


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two tiny checkpoints and an evaluation of each, the first with pictures."""
    folder = tmp_path_factory.mktemp("gqn")
    with pytest.MonkeyPatch.context() as monkeypatch:
        for seed in (0, 1):
            path = save_tiny(folder / f"tiny-{seed}.safetensors", tiny_model(seed))
            flags = ["--weights", path, "--output", folder / f"run-{seed}"]
            assert run(monkeypatch, *SMALL, *flags) == 0
            draw_no_pictures(monkeypatch)
    return folder
