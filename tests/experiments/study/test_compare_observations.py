"""`compare_observations`: a whole tiny study, going on with it, its report alone, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments import compare_observations
from experiments.compare_observations import CompareObservationsSettings, command
from experiments.shared.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED, run_command
from experiments.study import runs
from experiments.study.plan import FULL, SUBJECTS, SUBSET
from gqn_rl.rendering import DEFAULT_RENDERER
from tests.experiments.study.made_up import result, write
from tests.experiments.study.small import small_hyperparameters

TINY = ["--total-timesteps", "256", "--eval-every", "128", "--eval-episodes", "16", "--jobs", "0"]
TINY += ["--gallery-size", "3", "--shapes", "test"]
STUDY = ["--agents", "state", "pixels-recurrent", "--cameras", "fixed", "--seeds", "2"]


@pytest.fixture(autouse=True, scope="module")
def small_steps() -> Any:
    """Hyperparameters with which a run takes seconds."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(compare_observations, "study_hyperparameters", small_hyperparameters)
        yield


def run(monkeypatch: pytest.MonkeyPatch, *flags: object) -> int:
    """The exit code of `python -m experiments.compare_observations flags`."""
    monkeypatch.setattr("sys.argv", ["compare_observations", *map(str, flags)])
    try:
        run_command(
            compare_observations.main, CompareObservationsSettings, compare_observations.__doc__
        )
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a tiny study leaves."""
    folder = tmp_path_factory.mktemp("study") / "first"
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(monkeypatch, *TINY, *STUDY, "--output", folder) == 0
    return folder


def times_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "runs").iterdir()}


def test_a_study_leaves_raw_results_and_a_report(folder: Path) -> None:
    names = {f"fixed-{agent}-{seed}" for agent in ("state", "pixels-recurrent") for seed in (0, 1)}
    assert {path.stem for path in (folder / "runs").iterdir()} == names
    study = json.loads((folder / "study.json").read_text())
    assert set(study["planned"]) == names
    assert study["command"].endswith("--total-timesteps 256 --eval-every 128 --eval-episodes 16 "
                                     "--gallery-size 3 --shapes test")  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["agents"] == ["pixels-recurrent", "state"]
    raw = json.loads((folder / "runs" / "fixed-state-1.json").read_text())
    assert [row["timesteps"] for row in raw["curve"]] == [128, 256]
    expected = {"renderer": DEFAULT_RENDERER, "gallery_size": 3, "shapes": "test"}
    assert raw["conditions"]["env_kwargs"] == expected
    page = (folder / "report.html").read_text()
    assert study["command"] in page
    assert str(folder) not in page
    assert (folder / "learning_curves.svg").read_text().rstrip().endswith("</svg>")


def test_the_same_command_does_nothing_twice_and_more_seeds_are_added(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = times_of(folder)
    flags = [*TINY, "--agents", "state", "--cameras", "fixed", "--output", folder]
    assert run(monkeypatch, *flags, "--seeds", 2) == 0
    assert times_of(folder) == before
    assert "fixed-state" not in capsys.readouterr().out
    assert run(monkeypatch, *flags, "--seeds", 3) == 0
    after = times_of(folder)
    assert after.keys() - before.keys() == {"fixed-state-2.json"}
    assert {name: after[name] for name in before} == before
    assert "fixed-state-2: accuracy" in capsys.readouterr().out


def test_the_report_alone_is_the_same_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("report.html", "summary.json")
    written = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    before = times_of(folder)
    assert run(monkeypatch, "--report-only", folder) == 0
    assert {name: (folder / name).read_bytes() for name in names} == written
    assert times_of(folder) == before
    assert str(folder / "report.html") in capsys.readouterr().out.replace("\n", "")


def test_other_conditions_need_another_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = times_of(folder)
    flags = [*TINY, *STUDY, "--output", folder, "--total-timesteps", 1024]
    assert run(monkeypatch, *flags) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert "timesteps is 256" in message
    assert "1024" in message
    assert "--output" in message
    assert times_of(folder) == before


def test_an_interrupted_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, asked = runs.perform, []

    def interrupted(planned: Any, threads: int) -> dict[str, Any]:
        asked.append(planned.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(planned, threads)

    monkeypatch.setattr(runs, "perform", interrupted)
    flags = [*TINY, "--agents", "state", "--seeds", 3, "--output", tmp_path / "s"]
    assert run(monkeypatch, *flags) == EXIT_INTERRUPTED
    assert "goes on from here" in capsys.readouterr().err
    assert set(times_of(tmp_path / "s")) == {"moving-state-0.json"}
    assert run(monkeypatch, "--report-only", tmp_path / "s") == 0
    assert "2 of 3 planned runs" in (tmp_path / "s" / "report.html").read_text()
    assert run(monkeypatch, *flags) == 0
    assert asked[2:] == ["moving-state-1", "moving-state-2"]
    assert "not finished" not in (tmp_path / "s" / "report.html").read_text()


BAD_INPUT = {
    "agent": (["--agents", "sound"], "sound"),
    "camera": (["--cameras", "hidden"], "hidden"),
    "seeds": (["--seeds", "0"], "seeds is 0"),
    "seed": (["--seed", "-1"], "seed is -1"),
    "steps": (["--total-timesteps", "-5"], "total_timesteps is -5"),
    "evaluations": (["--eval-every", "0"], "eval_every is 0"),
    "episodes": (["--eval-episodes", "0"], "eval_episodes is 0"),
    "stop": (["--stop-after", "-1"], "stop_after is -1"),
    "jobs": (["--jobs", "-2"], "-2"),
    "encoder": (["--encoder", "nope"], "nope"),
    "encoder file": (["--encoder", "missing.safetensors"], "missing.safetensors"),
    "renderer": (["--renderer", "pencil"], "pencil"),
    "gallery": (["--gallery-size", "100000"], "100000"),
    "report of nothing": (["--report-only", "no/such/folder"], "no/such/folder"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_line_and_code_2(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags, named = BAD_INPUT[case]
    output = tmp_path / "out"
    assert run(monkeypatch, *TINY, *flags, "--output", output) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert named in message
    assert not output.exists()


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path, tmp_path / "file"):
        assert run(monkeypatch, *TINY, *STUDY, "--output", output) == EXIT_BAD_INPUT
        assert "holds no study" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "notes.txt"]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"command": "x"}'])
def test_a_report_without_a_study_file_is_refused(
    content: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(tmp_path, result("state", (0.5,)))
    (tmp_path / "study.json").unlink()
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    assert run(monkeypatch, "--report-only", tmp_path) == EXIT_BAD_INPUT
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_the_command_names_what_is_not_a_default_and_matters() -> None:
    start = "python -m experiments.compare_observations"
    assert command(CompareObservationsSettings()) == start
    settings = CompareObservationsSettings(
        full=True, agents=("state", "representation"), jobs=7, output=Path("/somewhere"), seeds=2
    )
    assert command(settings) == f"{start} --full --agents state representation --seeds 2"


def test_help_says_how_much_the_default_and_the_full_study_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--help") == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for scale, words in ((SUBSET, "by default {}"), (FULL, "with --full {}")):
        for number in (scale.seeds, scale.timesteps, scale.eval_episodes):
            assert words.format(f"{number:,}") in printed
    assert SUBSET.eval_every == FULL.eval_every
    assert f"by default {SUBSET.eval_every:,}" in printed
    assert all(name in printed for name in SUBJECTS)


def test_the_default_compares_everything() -> None:
    planned = compare_observations.plan(CompareObservationsSettings())
    assert {run.agent for run in planned} == set(SUBJECTS)
    full = compare_observations.plan(CompareObservationsSettings(full=True))
    assert {run.camera for run in full} == {"moving", "fixed"}
    assert len(full) >= 5 * 2 * len(SUBJECTS)


def test_the_published_report_can_be_made_again_from_the_published_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Path(__file__).parents[3] / "docs" / "study"
    folder = tmp_path / "study"
    (folder / "runs").mkdir(parents=True)
    for path in [published / "study.json", *(published / "runs").iterdir()]:
        (folder / path.relative_to(published)).write_bytes(path.read_bytes())
    assert run(monkeypatch, "--report-only", folder) == 0
    one, other = (json.loads((f / "summary.json").read_text()) for f in (folder, published))
    assert one == other
