"""What several tests of pretraining read."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import generate_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scenes of three views in two shards."""
    folder = tmp_path_factory.mktemp("data") / "train"
    settings = generate_dataset.GenerateDatasetSettings(
        output=folder, scenes=6, num_views=3, scenes_per_shard=4, renderer="raycast"
    )
    generate_dataset.main(settings)
    return folder
