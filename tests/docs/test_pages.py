"""What the pages show runs as it stands there, and what they link to and name is there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest
import tyro
from PIL import Image

from envs import ENV_IDS
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import TASKS
from experiments.compare_observations import CompareObservationsSettings
from experiments.explorer.rotation_test import Test as PersonTest
from experiments.explorer.scenes import Studio
from experiments.trials.table import read_trials, write_trials
from gqn_rl.entry_points import find
from tests.docs.blocks import Block, blocks_of
from tests.experiments.running import COMMANDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
TASK_PAGES = sorted((DOCS / "environments").glob("*.md"))
LARGEST_ANIMATION = 400_000
LINK = re.compile(r"\]\(([^)\s]+)\)")


def run(page: Path, blocks: Sequence[Block]) -> dict[str, Any]:
    """Run blocks one after the other here, those for a shell with this interpreter."""
    namespace: dict[str, Any] = {}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for block in blocks:
        if block.language == "python":
            code = "\n" * (block.line - 1) + block.code  # so that errors name the page's lines
            exec(compile(code, str(page), "exec"), namespace)
        else:
            environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
            subprocess.run(["bash", "-ec", block.code], env=environment, check=True)
    return namespace


def test_the_tutorial_runs_up_to_its_training(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    page = DOCS / "tutorial.md"
    namespace = run(page, [block for block in blocks_of(page) if not block.slow])
    assert namespace["predicted"].shape == (1, 3, 64, 64)
    assert {path.name for path in tmp_path.iterdir()} == {"views.png", "prediction.png"}


@pytest.mark.slow
def test_the_tutorial_runs_from_its_beginning_to_its_end(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    page = DOCS / "tutorial.md"
    blocks = blocks_of(page)
    assert sum(block.slow for block in blocks) == 4
    metrics = run(page, blocks)["metrics"]
    assert metrics["accuracy_95"][0] > metrics["chance"]
    assert (tmp_path / "learning.png").exists()


@pytest.mark.parametrize(("name", "num_envs"), [("environments.md", 64), ("shapes.md", 4)])
def test_examples_on_other_pages_run(monkeypatch, tmp_path, name, num_envs):
    monkeypatch.chdir(tmp_path)
    page = DOCS / name
    assert run(page, blocks_of(page))["venv"].num_envs == num_envs


def test_the_page_for_cognitive_scientists_goes_from_figures_to_a_table_and_a_figure(
    monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    page = DOCS / "cognitive.md"
    trials = run(page, [block for block in blocks_of(page) if not block.slow])["trials"]
    assert len(trials) == 24
    assert {trial.shape for trial in trials} == {"uurbbu", "uurrfr", "uulbbl"}
    assert read_trials(tmp_path / "few.csv")[0].participant == "agent"
    with Image.open(tmp_path / "few.png") as figure:
        assert figure.width > figure.height


def test_the_commands_of_the_ten_steps_have_the_flags_that_they_are_given():
    lines = [block.code for block in blocks_of(DOCS / "cognitive.md") if block.slow]
    assert len(lines) == 4
    for line in lines:
        name, flags = line.removeprefix("python -m experiments.").split(maxsplit=1)
        _, settings = COMMANDS[name].parts()
        tyro.cli(settings, args=shlex.split(flags))


@pytest.mark.slow
def test_the_ten_steps_of_a_cognitive_scientist_run_as_they_stand(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    person, studio = PersonTest(0), Studio(64)
    for _ in range(6):
        person = person.ask(studio).answer(False, 1.5)
    write_trials(Path("people.csv"), person.trials("p1"))
    page = DOCS / "cognitive.md"
    blocks = blocks_of(page)
    assert sum(block.slow for block in blocks) == 4
    run(page, blocks)
    assert len([*Path("stimuli/pictures").glob("*.png")]) == 2 * 240
    assert len(read_trials(Path("agent.csv"))) == 1000
    assert Path("both.png").is_file()
    said = json.loads(Path("benchmark/metrics.json").read_text())["participants"]
    assert len(said) == 4
    assert said["ideal observer"]["accuracy"] > 0.9


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_what_a_page_links_to_is_there(page):
    """On a plain git host too, which knows nothing of the site that Sphinx builds."""
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    for link in links:
        file, _, heading = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors that git hosts and Sphinx make of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def test_every_page_has_its_place_in_the_site():
    listed = {(DOCS / "index.md").resolve()}
    for page in PAGES:
        for tree in re.findall(r"^```{toctree}\n(.*?)^```", page.read_text(), re.DOTALL | re.M):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / f"{name}.md").resolve() for name in names}
    assert {path.resolve() for path in PAGES} == listed, "add it to a toctree of docs/index.md"


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_page_with_an_animation_and_its_own_arguments(name):
    page = DOCS / "environments" / f"{name.replace('_', '-')}.md"
    text = page.read_text()
    for argument in set(signature(find("task", name, TASKS)).parameters) - shared_arguments():
        assert f"| `{argument}` |" in text
    (animation,) = re.findall(r"\]\((\S+\.gif)\)", text)
    path = page.parent / animation
    assert path.stat().st_size < LARGEST_ANIMATION
    with Image.open(path) as frames:
        assert frames.n_frames > 1


def test_the_page_of_environments_names_every_id_and_every_argument():
    text = (DOCS / "environments.md").read_text()
    for env_id in ENV_IDS:
        assert f"`{env_id}`" in text
    for argument in shared_arguments():
        assert f"`{argument}`" in text


def shared_arguments() -> set[str]:
    """What `gymnasium.make` or `make_vec` takes for every id."""
    fixed = {"task", "control", "task_options"}
    parameters = signature(SceneVectorEnv).parameters.values()
    named = {item.name for item in parameters if item.kind != Parameter.VAR_KEYWORD}
    return named - fixed


def test_the_page_of_the_study_names_every_flag():
    text = (DOCS / "study.md").read_text()
    for name in CompareObservationsSettings.__dataclass_fields__:
        assert f"`--{name.replace('_', '-')}" in text
