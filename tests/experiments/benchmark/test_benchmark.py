"""`benchmark`: its subcommands, a whole tiny run of `gqn`, its numbers, and bad input."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark.gqn.plain import SPREADS
from experiments.benchmark.gqn.results import NAMES
from experiments.benchmark.gqn.work import (
    ConvolutionRecorder,
    Subject,
    our_training,
    own_convolutions,
    plain_training,
    representing,
)
from gqn_rl.devices import PRECISIONS

TINY = ["--preset", "published-tiny", "--layers", "0", "--others", "tiny", "--batch-size", "2"]
TINY += ["--num-views", "3", "--rounds", "1", "--paper-batch", "2", "--paper-views", "3"]
TINY += ["--device", "cpu", "--threads", "1"]
SUBJECT = Subject("published-tiny", "published", 0, 2, 3, "cpu")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of `python -m experiments.benchmark arguments`."""
    monkeypatch.setattr("sys.argv", ["benchmark"])
    try:
        benchmark.main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a tiny run leaves."""
    folder = tmp_path_factory.mktemp("benchmark") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(monkeypatch, "gqn", *TINY, "--output", folder) == 0
    return folder


@pytest.fixture(scope="module")
def metrics(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "metrics.json").read_text()))


def test_help_lists_the_subcommands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    printed = " ".join(capsys.readouterr().out.split())
    for name, entry in benchmark.SUBCOMMANDS.items():
        assert name in printed
        assert entry.summary in printed


@pytest.mark.parametrize("name", benchmark.SUBCOMMANDS)
def test_every_subcommand_explains_its_flags(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(monkeypatch, name, "--help") == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: benchmark {name}")
    for flag in ("--seed", "--output", "--rounds"):
        assert flag in printed
    assert str(import_module(benchmark.SUBCOMMANDS[name].module).__doc__).split(".")[0] in printed


@pytest.mark.parametrize("arguments", [[], ["fast"], ["--rounds", "1"]])
def test_without_a_subcommand_it_leaves_with_2_and_names_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert "gqn" in capsys.readouterr().err


def numbers_in(tree: Any) -> Iterator[float]:
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(value)
    elif isinstance(tree, int | float):
        yield tree


def test_a_run_leaves_all_numbers(folder: Path, metrics: dict[str, Any]) -> None:
    assert all(math.isfinite(number) for number in numbers_in(metrics))
    assert set(metrics) == {
        *("machine", "clock", "rounds", "targets", "training", "utilisation", "represent"),
        *("others", "paper_batch", "seconds"),
    }
    steps = metrics["training"]["steps"]
    assert set(steps) == set(NAMES)
    represent = metrics["represent"]
    others = metrics["others"]
    assert set(others) == {"tiny training", "tiny represent"}
    rows = [*steps.values(), represent["ours"], represent["convolutions"], *others.values()]
    for row in [*rows, metrics["paper_batch"]]:
        assert 0 < row["minimum"] <= row["median"]
        assert row["images"] == 6
        assert row["images_per_second"] == pytest.approx(6 / row["median"])
        assert row["memory"]["peak"] >= row["memory"]["before"] > 0
        assert len(row["wall"]) == len(row["cpu"]) > 0
    assert json.loads((folder / "settings.json").read_text())["preset"] == "published-tiny"


def test_ratios_are_those_of_the_samples(metrics: dict[str, Any]) -> None:
    training, represent = metrics["training"], metrics["represent"]
    ours = np.median(training["steps"]["ours"]["wall"])
    for name, found in training["ratios"].items():
        expected = np.median(training["steps"][name]["wall"]) / ours
        assert found["value"] == pytest.approx(expected)
        assert found["low"] <= found["value"] <= found["high"]
    share = represent["share_of_convolutions"]["value"]
    alone, whole = (np.median(represent[name]["wall"]) for name in ("convolutions", "ours"))
    assert share == pytest.approx(alone / whole)
    rates = metrics["utilisation"]["flop_per_second"]
    assert metrics["utilisation"]["share"]["value"] == pytest.approx(
        rates["ours"] / rates["matrix_product"]
    )
    assert rates["ours"] == pytest.approx(training["steps"]["ours"]["flop"] / ours)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--preset", "large"), "unknown published preset 'large'"),
        (("--preset", "small"), "unknown published preset 'small'"),
        (("--others", "large"), "unknown preset 'large'"),
        (("--rounds", "0"), "rounds is 0, expected at least 1"),
        (("--batch-size", "0"), "batch_size is 0"),
        (("--num-views", "1"), "num_views is 1"),
        (("--layers", "-1"), "layers is -1"),
        (("--threads", "-1"), "threads is -1"),
        (("--precision", "fp8"), "unknown precision 'fp8'"),
        (("--clock", "sun"), "unknown clock 'sun'"),
        (("--device", "abacus"), "'abacus'"),
        (("--device", "meta", "--clock", "cpu"), "clock is 'cpu'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    flags: tuple[str, ...],
    says: str,
) -> None:
    assert run(monkeypatch, "gqn", *flags, "--output", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1
    assert says in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("precision", sorted(set(PRECISIONS) - {"auto"}))
def test_the_convolutions_alone_are_those_of_represent(precision: str) -> None:
    subject = Subject("published-tiny", "published", 0, 2, 3, "cpu", precision)
    work = representing(subject)
    assert own_convolutions(subject).facts["convolutions"] == 8  # the tower of figure S1
    recorder = ConvolutionRecorder()
    with recorder:
        own_convolutions(subject).run()
    recorded, again = recorder.calls[:8], recorder.calls[8:]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    for (images, weight, *_), (image_again, weight_again, *_) in zip(recorded, again, strict=True):
        assert images.dtype == weight.dtype == dtype
        assert len(images) == 6
        assert torch.equal(images, image_again)
        assert torch.equal(weight, weight_again)
        assert images.stride() == image_again.stride()
    assert work.run().shape == (2, 32)  # type: ignore[attr-defined]


def test_every_round_encodes_the_same_views_and_so_does_the_plain_composition() -> None:
    subject = Subject("published-tiny", "published", 0, 4, 6, "cpu", precision="fp32")
    encoded = []
    for work in (our_training(subject), plain_training(subject, "tiled")):
        for _ in range(2):
            with ConvolutionRecorder() as recorder:
                work.run()
            encoded.append(recorder.calls[0][0])
    assert 4 <= len(encoded[0]) <= 20  # 1 to 5 views of each scene
    for images in encoded[1:]:
        torch.testing.assert_close(images, encoded[0], rtol=0, atol=0)


@pytest.mark.parametrize("spread", SPREADS)
def test_parameters_are_counted_and_plain_ones_are_more(spread: str) -> None:
    # The plain composition also has weights for the states of the first layer, which are zero.
    count = plain_training(SUBJECT, spread).facts["parameters"]
    assert count > our_training(SUBJECT).facts["parameters"] > 100_000
