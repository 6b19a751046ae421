"""`generate_dataset`: shards that can be continued, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from experiments import generate_dataset
from experiments.shared.command import EXIT_BAD_INPUT
from gqn_rl.data import shards
from gqn_rl.data.shards import read_headers, shard_path
from gqn_rl.rendering import make_renderer
from tests.experiments.running import run as run_flags

SMALL = {
    "scenes": 5,
    "views": 2,
    "scenes_per_shard": 2,
    "image_size": 16,
    "renderer": "raycast",
    "workers": 0,
}


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, **changes: object) -> int:
    """The exit code of `python -m experiments.generate_dataset` with small numbers."""
    settings = generate_dataset.GenerateDatasetSettings
    flags = SMALL | {"output": folder} | changes
    return run_flags(monkeypatch, generate_dataset, settings, **flags)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("shard-*"))}


def test_a_data_set_has_the_scenes_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "data", free_fraction=0.5, seed=3) == 0
    shards = read_headers(tmp_path / "data", make_renderer("raycast", 16).identity)
    assert [shard.num_scenes for shard in shards] == [2, 2, 1]
    assert shards[0].description.seed == 3
    summary = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert summary["scenes"] == 5
    assert summary["free_fraction"] == 0.5
    assert "5 scenes in 3 shards" in capsys.readouterr().out


def test_objects_look_as_they_are_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look = ("colours=grey", "background=white")
    assert run(monkeypatch, tmp_path / "data", appearance=look) == 0
    told = {"colours": "grey", "background": "white"}
    renderer = make_renderer("raycast", 16, appearance=told)
    shard = read_headers(tmp_path / "data", renderer.identity)[0]
    images = load_file(shard.path)["images"]
    assert images.max() == 255
    assert (images == images[..., :1]).all(), "nothing has a colour"


def test_processes_make_the_same_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, tmp_path / "one") == 0
    assert run(monkeypatch, tmp_path / "two", workers=1) == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_an_interrupted_data_set_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "whole") == 0
    make_shard, made = shards.make_shard, []

    def interrupted(renderer, description, index, num_scenes):
        made.append(index)
        if len(made) == 2:
            raise KeyboardInterrupt
        return make_shard(renderer, description, index, num_scenes)

    monkeypatch.setattr(shards, "make_shard", interrupted)
    assert run(monkeypatch, tmp_path / "parts") == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    first = shard_path(tmp_path / "parts", 0).stat().st_mtime_ns
    assert run(monkeypatch, tmp_path / "parts") == 0
    assert made == [0, 1, 1, 2], "the shard that was there is kept"
    assert shard_path(tmp_path / "parts", 0).stat().st_mtime_ns == first
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_more_scenes_are_added_to_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, tmp_path / "data") == 0
    before = contents(tmp_path / "data")
    assert run(monkeypatch, tmp_path / "data", scenes=8) == 0
    after = contents(tmp_path / "data")
    assert len(after) == 4
    for name in list(before)[:2]:
        assert after[name] == before[name]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"views": 3},
        {"image_size": 32},
        {"shapes": "all"},
        {"appearance": ("edges=true",)},
    ],
)
def test_another_data_set_in_the_folder_is_left_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
) -> None:
    assert run(monkeypatch, tmp_path / "data") == 0
    before = contents(tmp_path / "data")
    capsys.readouterr()
    assert run(monkeypatch, tmp_path / "data", **change) == EXIT_BAD_INPUT
    printed = capsys.readouterr().err
    assert "shard-00000.safetensors" in printed
    assert len(printed.splitlines()) == 1
    assert contents(tmp_path / "data") == before


def test_a_damaged_shard_is_named_and_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "data") == 0
    path = shard_path(tmp_path / "data", 1)
    path.write_bytes(path.read_bytes()[:-1])
    assert run(monkeypatch, tmp_path / "data") == EXIT_BAD_INPUT
    assert f"{path} is truncated" in capsys.readouterr().err
    path.unlink()
    assert run(monkeypatch, tmp_path / "data") == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scenes": 0}, "scenes is 0"),
        ({"views": 0}, "views is 0"),
        ({"scenes_per_shard": 0}, "scenes_per_shard is 0"),
        ({"workers": -1}, "workers is -1"),
        ({"num_cubes": 0}, "num_cubes"),
        ({"num_cubes": 5}, "num_cubes >= 6"),
        ({"shapes": "round"}, "unknown shapes 'round'"),
        ({"free_fraction": 1.5}, "free_fraction is 1.5"),
        ({"renderer": "crayons"}, "unknown renderer 'crayons'"),
        ({"image_size": 4}, "image_size is 4"),
        ({"appearance": ("colours=pink",)}, "unknown colours 'pink'"),
        ({"seed": -1}, "seed is -1"),
        ({"output": "/proc/version/data"}, "cannot make folder"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    message: str,
) -> None:
    assert run(monkeypatch, tmp_path / "data", **change) == EXIT_BAD_INPUT
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_figures_of_others_are_rendered_where_they_are_told_to_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = tmp_path / "figures.txt"
    figures.write_text("uuuubbuur\nrrruuufff\n")
    for position in ("centred", "random"):
        folder = tmp_path / position
        assert run(monkeypatch, folder, shapes=str(figures), position=position) == 0
        description = read_headers(folder, make_renderer("raycast", 16).identity)[0].description
        assert description.distribution.position == position
        assert description.distribution.num_cubes == 10
    assert contents(tmp_path / "centred") != contents(tmp_path / "random")


def test_data_without_a_position_are_as_they_always_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, tmp_path / "data") == 0
    assert "position" not in json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert b"position" not in next(iter(contents(tmp_path / "data").values()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": "left"}, "unknown position 'left'"),
        ({"shapes": "figures.txt"}, "cannot read shapes from figures.txt"),
        ({"num_cubes": 15}, "num_cubes is 15, expected 2 to 14"),
    ],
)
def test_scenes_that_cannot_be_had_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    message: str,
) -> None:
    assert run(monkeypatch, tmp_path / "data", **changes) == EXIT_BAD_INPUT
    assert message in capsys.readouterr().err
