"""`convert_dataset`: DeepMind's files become shards that training reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import convert_dataset
from experiments.shared.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from gqn_rl.data.deepmind import DATASETS, angles_to_origin, read_scenes, to_viewpoints
from gqn_rl.data.description import DEEPMIND_CAMERA, DeepMindDescription
from gqn_rl.data.shards import ShardBatches, read_headers, shard_path
from gqn_rl.data.tfrecord import TFRecordReader
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer
from tests.experiments.running import run
from tests.gqn_rl.data.tfrecord_writer import (
    bytes_feature,
    example,
    float_feature,
    jpeg,
    sample_cameras,
    sample_frames,
    scene,
    write_records,
)

SM5 = DATASETS["shepard_metzler_5_parts"]
COUNTS = {1: 3, 2: 2, 5: 1}
"""Scenes in each of the files that were downloaded."""


@pytest.fixture
def raw(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder of TFRecords as `download_dataset` leaves it."""
    for number, count in COUNTS.items():
        path = tmp_path / "raw" / SM5.file_name("train", number)
        write_records(path, [scene(rng, SM5) for _ in range(count)])
    path.with_name("006-of-900.tfrecord.part").write_bytes(b"not yet whole")
    path.with_name("._001-of-900.tfrecord").write_bytes(b"what macOS keeps beside a file")
    return path.parent


def convert(monkeypatch: pytest.MonkeyPatch, raw: Path, folder: Path, **flags: object) -> int:
    flags = {"input": raw, "output": folder, "workers": 0} | flags
    return run(monkeypatch, convert_dataset, convert_dataset.ConvertDatasetSettings, **flags)


def batches(folder: Path, batch_size: int = 6, num_views: int = 15) -> ShardBatches:
    return ShardBatches(
        folder, None, batch_size=batch_size, num_views=num_views, num_batches=9, seed=0
    )


def damage(raw: Path, number: int = 2, position: int = 40) -> Path:
    """Flip a bit of a payload."""
    path = raw.parent.parent / SM5.file_name("train", number)
    data = bytearray(path.read_bytes())
    data[position] ^= 4
    path.write_bytes(data)
    return path


def test_every_file_becomes_a_shard_that_says_what_it_is(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    shards = read_headers(tmp_path / "data")
    assert [shard.index for shard in shards] == [0, 1, 4]
    assert [shard.num_scenes for shard in shards] == [3, 2, 1]
    for shard in shards:
        assert shard.description == DeepMindDescription(SM5.name, "train", 15, 5)
        assert shard.camera == DEEPMIND_CAMERA
        assert shard.renderer["image_size"] == 64
        source = raw / str(shard.origin["file"])
        assert shard.origin == {
            "file": f"{shard.index + 1:03d}-of-900.tfrecord",
            "bytes": source.stat().st_size,
            "skipped": 0,
        }
    summary = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert (summary["source"], summary["dataset"]) == ("deepmind", SM5.name)
    assert (summary["scenes"], summary["shards"], summary["skipped_records"]) == (6, 3, 0)
    assert "6 scenes in 3 shards, 0 records left out" in capsys.readouterr().out


def test_training_reads_what_the_files_hold(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    scenes = [v for path in sorted(raw.glob("0*.tfrecord")) for v in scenes_of(path)]
    loaded = batches(tmp_path / "data")
    batch = loaded[0]
    for row, number in enumerate(loaded.scene_numbers(0)):
        expected = scenes[number].viewpoints.encode()
        places = [np.flatnonzero((expected == p).all(1)).item() for p in batch.viewpoints[row]]
        assert sorted(places) == list(range(15))
        np.testing.assert_array_equal(batch.images[row], scenes[number].images[places])


def scenes_of(path: Path) -> list:
    return list(read_scenes(TFRecordReader(path), SM5))


def test_a_renderers_pictures_are_not_mistaken_for_them(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    identity = make_renderer("raycast", 64).identity
    with pytest.raises(UserError, match=r"shard-00000.* was made with look='deepmind/shepard_metz"):
        read_headers(tmp_path / "data", identity)
    other = replace(read_headers(tmp_path / "data")[0].description, split="test")
    assert other.shapes == "shepard_metzler_5_parts/test"


def test_processes_make_the_same_shards(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert convert(monkeypatch, raw, tmp_path / "here") == 0
    assert convert(monkeypatch, raw, tmp_path / "there", workers=2) == 0
    for name in ("shard-00000", "shard-00001", "shard-00004"):
        here, there = (tmp_path / folder / f"{name}.safetensors" for folder in ("here", "there"))
        assert here.read_bytes() == there.read_bytes()


def test_an_interrupted_conversion_goes_on_where_it_was(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    convert_one, converted = convert_dataset.convert, []

    def interrupted(work):
        converted.append(work.index)
        if len(converted) == 2:
            raise KeyboardInterrupt
        return convert_one(work)

    monkeypatch.setattr(convert_dataset, "convert", interrupted)
    assert convert(monkeypatch, raw, tmp_path / "data") == EXIT_INTERRUPTED
    assert "the same command goes on from here" in capsys.readouterr().err
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    assert converted == [0, 1, 1, 4], "what is there is not converted again"


def test_new_files_are_added_and_old_ones_may_go(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    (raw / "001-of-900.tfrecord").unlink()
    write_records(raw / "003-of-900.tfrecord", [scene(rng, SM5)])
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    assert [shard.index for shard in read_headers(tmp_path / "data")] == [0, 1, 2, 4]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_record_stops_with_file_and_offset(
    raw: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    workers: int,
) -> None:
    path = damage(raw)
    assert convert(monkeypatch, raw, tmp_path / "data", workers=workers) == EXIT_BAD_INPUT
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert f"{path}: record at byte 0: the CRC of its payload" in errors[0]
    assert not shard_path(tmp_path / "data", 1).exists()


def test_a_damaged_record_is_left_out_and_counted_when_asked(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = damage(raw)
    assert convert(monkeypatch, raw, tmp_path / "data", skip_bad=True) == 0
    printed = capsys.readouterr()
    assert f"skipped {path}: record at byte 0: the CRC of its payload" in printed.err
    assert "5 scenes in 3 shards, 1 records left out" in printed.out
    shard = read_headers(tmp_path / "data")[1]
    assert (shard.num_scenes, shard.origin["skipped"]) == (1, 1)
    assert convert(monkeypatch, raw, tmp_path / "data", skip_bad=True) == 0
    assert "1 records left out" in capsys.readouterr().out, "remembered"
    assert convert(monkeypatch, raw, tmp_path / "data") == EXIT_BAD_INPUT, "not what was asked for"


def test_a_file_that_was_downloaded_anew_is_converted_anew(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    path = raw / "002-of-900.tfrecord"
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert convert(monkeypatch, raw, tmp_path / "data", skip_bad=True) == 0
    assert read_headers(tmp_path / "data")[1].num_scenes == 1
    path.write_bytes(whole)
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    assert read_headers(tmp_path / "data")[1].num_scenes == 2


def test_a_file_without_one_good_record_makes_no_shard(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (raw / "001-of-900.tfrecord").write_bytes(b"not a record at all")
    assert convert(monkeypatch, raw, tmp_path / "data", skip_bad=True) == 0
    assert [shard.index for shard in read_headers(tmp_path / "data")] == [1, 4]
    (raw / "001-of-900.tfrecord").write_bytes(b"")
    assert convert(monkeypatch, raw, tmp_path / "data") == EXIT_BAD_INPUT
    assert "001-of-900.tfrecord holds no record" in capsys.readouterr().err


def test_it_says_whether_the_camera_conventions_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    for name, turn in (("agrees", 0.0), ("differs", np.pi / 2)):
        cameras = sample_cameras(rng, SM5)
        cameras[:, 3] += np.float32(turn)
        frames = bytes_feature([jpeg(frame) for frame in sample_frames(rng, SM5)])
        payload = example({"frames": frames, "cameras": float_feature(cameras)})
        path = tmp_path / name / SM5.file_name("train", 1)
        write_records(path, [payload])
        assert convert(monkeypatch, path.parent, tmp_path / f"{name} data") == 0
        expected = float(np.median(angles_to_origin(to_viewpoints(cameras))))
        assert f"its 15 cameras look {expected:.2f} degrees" in capsys.readouterr().out
        summary = json.loads((tmp_path / f"{name} data" / "dataset.json").read_text())
        assert summary["median_angle_to_origin"] == pytest.approx(expected, abs=1e-3)
        assert (expected < 0.01) == (name == "agrees")


def test_other_data_sets_have_no_object_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    rooms = DATASETS["rooms_ring_camera"]
    path = tmp_path / rooms.file_name("test", 7)
    write_records(path, [scene(rng, rooms)])
    assert convert(monkeypatch, path.parent, tmp_path / "data") == 0
    summary = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert "median_angle_to_origin" not in summary
    assert (summary["num_cubes"], summary["split"]) == (None, "test")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"input": "nowhere"}, "no data in 'nowhere'"),
        ({"dataset": "mnist"}, "unknown dataset 'mnist'"),
        ({"split": "val"}, "unknown split 'val'"),
        ({"split": "test"}, "no file of shepard_metzler_5_parts/test has, expected 001-of-100"),
        ({"dataset": "jaco"}, "no file of jaco/train has, expected 0001-of-3600.tfrecord"),
        ({"dataset": "shepard_metzler_7_parts"}, None),  # looks the same: the user must know
        ({"workers": -1}, "workers is -1"),
        ({"output": "/proc/version/data"}, "cannot make"),
    ],
)
def test_bad_input_is_one_line(
    raw: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: dict[str, object],
    message: str | None,
) -> None:
    code = convert(monkeypatch, raw, tmp_path / "data", **flags)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert code == (EXIT_BAD_INPUT if message else 0)
    assert len(errors) == bool(message)
    assert message is None or message in errors[0]


def test_another_data_set_in_the_folder_is_left_alone(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(monkeypatch, raw, tmp_path / "data") == 0
    before = shard_path(tmp_path / "data", 0).read_bytes()
    other = {"dataset": "shepard_metzler_7_parts"}
    assert convert(monkeypatch, raw, tmp_path / "data", **other) == EXIT_BAD_INPUT
    assert "choose another output folder" in capsys.readouterr().err
    assert shard_path(tmp_path / "data", 0).read_bytes() == before
