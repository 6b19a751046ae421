"""The loop around the steps and its state on disk: nothing is lost, whatever ends it."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gqn_rl.data.synthetic import SceneDistribution, SceneViews
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer
from gqn_rl.training.interruption import noted_interruption
from gqn_rl.training.loop import ValidationResult, train
from gqn_rl.training.state import (
    FIELDS,
    FILE_NAME,
    FORMAT,
    FORMAT_OF_KEYS,
    KEY,
    PREVIOUS_NAME,
    load_state,
    read_state,
    save_state,
)
from gqn_rl.training.statistics import rendered_examples, set_statistics
from gqn_rl.training.trainer import Trainer
from tests.gqn_rl.gqn.models import as_tensors, make_model, make_trainer, random_views


@pytest.fixture(scope="module")
def batch() -> SceneViews:
    return random_views(3, 4)


def run(trainer: Trainer, batch: SceneViews, folder: Path, **options: Any) -> dict[str, Any]:
    return train(trainer, itertools.repeat(batch), folder, **options)


def assert_same(a: Trainer, b: Trainer) -> None:
    assert a.step == b.step
    state, other = a.state(), b.state()
    assert state.keys() == other.keys()
    for name in state:
        torch.testing.assert_close(state[name], other[name], rtol=0, atol=0, msg=name)


def test_stopping_and_resuming_through_the_file_changes_no_bit(
    batch: SceneViews, tmp_path: Path
) -> None:
    whole, first, second = make_trainer(), make_trainer(), make_trainer()
    run(whole, batch, tmp_path / "whole", stop=8)
    record = run(first, batch, tmp_path / "parts", stop=5)
    assert read_state(tmp_path / "parts").about["record"] == record
    load_state(tmp_path / "parts", second)
    run(second, batch, tmp_path / "parts", stop=8, record=record)
    assert_same(second, whole)
    stored = read_state(tmp_path / "parts").about
    assert stored["step"] == 8
    assert stored["config"] == whole.model.config.to_dict()
    assert stored["recipe"] == whole.recipe.to_dict()


PICTURE = np.zeros((8, 16, 3), np.uint8)


def test_the_record_goes_on_where_it_was(batch: SceneViews, tmp_path: Path) -> None:
    trainer = make_trainer()
    options: dict[str, Any] = {
        "evaluate": lambda t: ValidationResult({"rmse": float(t.step)}, PICTURE),
        "evaluate_every": 20,
    }
    record = run(trainer, batch, tmp_path, stop=50, **options)
    seconds = record["seconds"]
    record = run(trainer, batch, tmp_path, stop=100, record=record, **options)
    assert [point["step"] for point in record["curve"]] == [50, 100]
    assert [e["step"] for e in record["evaluations"]] == [20, 40, 60, 80, 100]
    assert record["evaluations"][1]["rmse"] == 40.0
    assert record["seconds"] > seconds > 0
    assert list((tmp_path / "tensorboard").iterdir())


def test_evaluating_does_not_change_training(batch: SceneViews, tmp_path: Path) -> None:
    def evaluate(trainer: Trainer) -> ValidationResult:
        return ValidationResult(
            {"noise": float(torch.rand(1)) + float(np.random.default_rng(0).random())}, PICTURE
        )

    one, other = make_trainer(), make_trainer()
    run(one, batch, tmp_path / "a", stop=4, evaluate=evaluate, evaluate_every=1)
    run(other, batch, tmp_path / "b", stop=4)
    assert_same(one, other)


def test_the_time_limit_ends_and_saves(batch: SceneViews, tmp_path: Path) -> None:
    trainer = make_trainer()
    run(trainer, batch, tmp_path, stop=10**6, time_limit=0.3)
    assert 0 < trainer.step < 1000
    assert read_state(tmp_path).about["step"] == trainer.step


def broken_after(batch: SceneViews, count: int, error: BaseException) -> Iterator[SceneViews]:
    yield from itertools.repeat(batch, count)
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("renderer died")])
def test_whatever_ends_training_the_state_is_saved(
    batch: SceneViews, tmp_path: Path, error: BaseException
) -> None:
    trainer = make_trainer()
    with pytest.raises(type(error)):
        train(trainer, broken_after(batch, 3, error), tmp_path, stop=10)
    other = make_trainer()
    load_state(tmp_path, other)
    assert_same(other, trainer)
    assert other.step == 3


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(
    batch: SceneViews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, trainer = make_trainer(), make_trainer()
    run(good, batch, tmp_path / "good", stop=3)
    draw = trainer.model.draw

    def break_later(*args: torch.Tensor) -> torch.Tensor:
        return draw(*args) * (torch.nan if trainer.step == 3 else 1.0)

    monkeypatch.setattr(trainer.model, "draw", break_later)
    with pytest.raises(UserError, match="loss is nan at step 3"):
        run(trainer, batch, tmp_path / "bad", stop=10)
    restored = make_trainer()
    load_state(tmp_path / "bad", restored)
    assert_same(restored, good)


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_ctrl_c_in_the_middle_of_a_step_waits_for_its_end(
    batch: SceneViews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, trainer = make_trainer(), make_trainer()
    run(whole, batch, tmp_path / "whole", stop=3)
    update = trainer.optimiser.step

    def interrupted(*args: Any) -> None:
        if trainer.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        update(*args)

    monkeypatch.setattr(trainer.optimiser, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(trainer, batch, tmp_path / "run", stop=10)
    restored = make_trainer()
    load_state(tmp_path / "run", restored)
    assert_same(restored, whole)


@pytest.mark.usefixtures("usual_ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_noted_and_its_meaning_given_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with noted_interruption() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), number)
        assert interrupted()
        assert signal.getsignal(number) is before, "a second one acts as usual"
    assert signal.getsignal(number) is before


def test_a_signal_that_means_something_else_is_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with noted_interruption() as interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            assert not interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_termination_saves_as_ctrl_c_does(batch: SceneViews, tmp_path: Path) -> None:
    def terminated() -> Iterator[SceneViews]:
        yield from itertools.repeat(batch, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        yield batch

    trainer = make_trainer()
    with pytest.raises(KeyboardInterrupt):
        train(trainer, terminated(), tmp_path, stop=10)
    assert read_state(tmp_path).about["step"] == trainer.step == 3


def test_a_failing_save_leaves_the_old_state(
    batch: SceneViews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer()
    run(trainer, batch, tmp_path, stop=2)

    def full_disk(source: str, target: str) -> None:
        raise OSError("No space left on device")

    trainer.train_step(batch)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(OSError, match="space"):
            save_state(tmp_path, trainer, {})
    assert read_state(tmp_path).about["step"] == 2
    names = {p.name for p in tmp_path.iterdir() if p.is_file()}
    assert names == {FILE_NAME, PREVIOUS_NAME}, "no temporary file is left"


@pytest.mark.parametrize("damage", ["truncated", "one bit", "deleted"])
def test_a_damaged_state_costs_no_more_than_the_steps_since_the_one_before(
    batch: SceneViews, tmp_path: Path, damage: str
) -> None:
    trainer, good, restored = make_trainer(), make_trainer(), make_trainer()
    run(trainer, batch, tmp_path, stop=2, save_every=1)
    run(good, batch, tmp_path / "good", stop=1)
    save_state(tmp_path / "good", good, {})
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    content[-50] ^= 4
    path.write_bytes(content if damage == "one bit" else content[:-100])
    if damage == "deleted":
        path.unlink()
    load_state(tmp_path, restored)
    assert restored.step in (1, 2), "the state before, of this step or the one before it"
    (tmp_path / PREVIOUS_NAME).unlink()
    with pytest.raises(UserError, match=r"damaged|truncated|nothing to resume"):
        load_state(tmp_path, make_trainer())


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def strip_metadata(path: Path) -> None:
    save_file(load_file(path), path)


def foreign_format(path: Path) -> None:
    save_file(load_file(path), path, metadata={"format": "pt"})


def half_described(path: Path) -> None:
    save_file(load_file(path), path, metadata={"format": FORMAT_OF_KEYS, "step": "3"})


def half_described_in_one(path: Path) -> None:
    save_file(load_file(path), path, metadata={KEY: json.dumps({"format": FORMAT, "step": 3})})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "truncated"),
        (lambda path: path.write_bytes(b""), "truncated"),
        (lambda path: path.write_bytes(b"PK" * 1000), "not a safetensors file"),
        (strip_metadata, "format None"),
        (foreign_format, "format 'pt'"),
        (half_described, "not a training state"),
        (half_described_in_one, "not a training state"),
        (Path.unlink, "nothing to resume"),
    ],
)
def test_an_unusable_state_is_one_clear_line(tmp_path: Path, damage, message: str) -> None:
    save_state(tmp_path, make_trainer(), {})
    damage(tmp_path / FILE_NAME)
    with pytest.raises(UserError, match=message) as refusal:
        load_state(tmp_path, make_trainer())
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_state_of_the_form_before_is_read(tmp_path: Path, batch: SceneViews) -> None:
    trainer, path = make_trainer(), tmp_path / FILE_NAME
    run(trainer, batch, tmp_path, stop=1)
    save_state(tmp_path, trainer, {"note": [1]})
    state = read_state(tmp_path)
    keys = {key: json.dumps(state.about[key]) for key in FIELDS}
    save_file(state.tensors, path, metadata={"format": FORMAT_OF_KEYS, **keys})
    assert read_state(tmp_path).about == state.about
    restored = make_trainer()
    load_state(tmp_path, restored)
    assert_same(trainer, restored)


def test_a_state_that_is_saved_twice_is_the_same_file(tmp_path: Path) -> None:
    files = set()
    for folder in map(str, range(4)):
        save_state(tmp_path / folder, make_trainer(), {"a": 1, "b": 2})
        files.add((tmp_path / folder / FILE_NAME).read_bytes())
    assert len(files) == 1


def test_metadata_is_plain_json(tmp_path: Path) -> None:
    save_state(tmp_path, make_trainer(), {"curve": [{"step": 1, "mse": 0.5}]})
    assert json.loads(json.dumps(read_state(tmp_path).about))["record"]["curve"][0]["mse"] == 0.5


def test_statistics_make_representations_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gqn_rl.training.statistics.SCENES_PER_COUNT", 24)
    model, renderer = make_model(), make_renderer("raycast")
    set_statistics(model, rendered_examples(renderer, SceneDistribution(), seed=0))
    r = model.represent(*as_tensors(random_views(24, 3, seed=5))).detach()
    standard = model.standardise(r)
    assert abs(float(standard.mean())) < 0.2
    assert 0.6 < float(standard.std()) < 1.4
    assert bool((model.representation_scale > 0).all())
    before = model.representation_mean.clone()
    set_statistics(model, rendered_examples(renderer, SceneDistribution(), seed=0))
    torch.testing.assert_close(model.representation_mean, before, rtol=0, atol=0)
