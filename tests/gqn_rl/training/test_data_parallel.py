"""Several processes with a part of the batch each do what one process does with all of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from gqn_rl.errors import UserError
from gqn_rl.gqn.families import FAMILIES
from gqn_rl.training.group import ALONE, Group
from tests.gqn_rl.gqn.models import TINY, make_trainer

ONE_STEP = """
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from gqn_rl.data.synthetic import SceneViews
from gqn_rl.errors import UserError
from gqn_rl.training.group import joined_group
from tests.gqn_rl.gqn.models import make_trainer, random_views

torch.set_num_threads(1)
folder, names = Path(sys.argv[1]), sys.argv[2:]
with joined_group("cpu") as group:
    for name in names:
        trainer = make_trainer(
            name=name, group=group, batch_size=4, sigma_schedule="optimal", max_gradient_norm=1e9
        )
        views, rows = random_views(4, 4), group.rows(4)
        trainer.train_step(SceneViews(views.images[rows], views.viewpoints[rows]))
        gradients = {k: p.grad.contiguous() for k, p in trainer.model.named_parameters()}
        save_file(gradients, folder / f"{name}-{group.rank}-of-{group.size}.safetensors")

    def refuse():
        raise UserError(f"refused by {group.rank}")

    made = group.from_first(lambda: {"rank": group.rank})
    try:
        group.from_first(refuse)
    except UserError as error:
        (folder / f"{group.rank}-of-{group.size}.txt").write_text(f"{made} {error}")
    group.wait()
"""

LEAVE = """
import sys
from pathlib import Path

import torch

from gqn_rl.training.group import joined_group

def gloo_threads():
    return sum("gloo" in path.read_text() for path in Path("/proc/self/task").glob("*/comm"))

with joined_group("cpu") as group:
    # Held to the end, as by a trainer that a script's own variable names.
    wrapped = group.wrap(torch.nn.Linear(2, 1))
    wrapped(torch.ones(3, 2)).sum().backward()
    inside = gloo_threads()
Path(sys.argv[1], str(group.rank)).write_text(f"{inside} {gloo_threads()}")
"""


@pytest.fixture(scope="module")
def gradients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what one process and two have found: gradients of one step of every family,
    and what they get from the first."""
    folder = tmp_path_factory.mktemp("gradients")
    for processes in (1, 2):
        run(ONE_STEP, processes, folder, *TINY.values())
    return folder


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_no_thread_of_the_group_is_left_when_a_process_has_left_it(tmp_path: Path) -> None:
    # One that is left when the interpreter ends may abort the process, once in many runs.
    run(LEAVE, 2, tmp_path)
    for rank in "01":
        inside, after = map(int, (tmp_path / rank).read_text().split())
        assert inside > 0
        assert after == 0


def run(code: str, processes: int, folder: Path, *arguments: str) -> None:
    """The code as a script in processes of its own; it is given the folder and the arguments."""
    script = folder / "script.py"
    script.write_text(code)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [sys.executable, *(launch if processes > 1 else ()), str(script), str(folder), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_with_half_the_batch_get_the_gradient_of_one(
    gradients: Path, family: str
) -> None:
    name = TINY[family]
    alone = load_file(gradients / f"{name}-0-of-1.safetensors")
    scale = max(float(gradient.abs().max()) for gradient in alone.values())
    assert scale > 0
    for rank in (0, 1):
        shared = load_file(gradients / f"{name}-{rank}-of-2.safetensors")
        assert shared.keys() == alone.keys()
        for key, gradient in alone.items():
            torch.testing.assert_close(
                shared[key], gradient, rtol=0, atol=1e-6 * max(1.0, scale), msg=key
            )


@pytest.mark.parametrize("process", ["0-of-1", "0-of-2", "1-of-2"])
def test_what_the_first_process_makes_or_refuses_all_get(gradients: Path, process: str) -> None:
    assert (gradients / f"{process}.txt").read_text() == "{'rank': 0} refused by 0"


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(UserError, match="batch_size is 3, expected a multiple of the 2 processes"):
        make_trainer(group=Group(1, 2), batch_size=3)


def test_rows_of_all_processes_make_up_the_batch() -> None:
    found = [row for rank in range(3) for row in range(12)[Group(rank, 3).rows(12)]]
    assert found == list(range(12))


def test_a_process_alone_needs_nobody() -> None:
    value = torch.tensor(3.0, requires_grad=True)
    assert ALONE.leads
    assert float(ALONE.mean(value)) == 3.0
    assert not ALONE.mean(value).requires_grad
    assert ALONE.any(True)
    assert not ALONE.any(False)
    assert ALONE.from_first(lambda: "folder") == "folder"
    ALONE.wait()
