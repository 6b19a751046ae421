"""What is PyBullet's own: memory and the banner."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import sample_scenes

pybullet = pytest.importorskip("pybullet")


def resident_megabytes() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
def test_memory_does_not_grow_over_ten_thousand_episodes(rng: np.random.Generator) -> None:
    renderer = make_renderer("pybullet", image_size=32)

    def draw_new_scenes(n: int) -> None:
        for _ in range(n // 100):
            # Sizes alternate, so that bodies leave the picture and come back.
            scenes = sample_scenes(rng, 100, num_cubes=int(rng.integers(4, 8)), shapes="all")
            renderer.render(scenes, sample_on_sphere(rng, 100))

    draw_new_scenes(3_000)  # until the heap has found its size
    before = resident_megabytes()
    draw_new_scenes(10_000)
    assert resident_megabytes() - before < 5
    renderer.close()


def test_importing_it_prints_nothing() -> None:
    command = "from gqn_rl.rendering import make_renderer; make_renderer('pybullet')"
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


def test_errors_after_the_import_are_still_shown() -> None:
    command = "import gqn_rl.rendering.pybullet, os; os.write(2, b'seen')"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert done.stderr == b"seen"


def test_a_pybullet_without_numpy_draws_the_same(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes, viewpoints = sample_scenes(rng, 3), sample_on_sphere(rng, 3)
    expected = make_renderer("pybullet", image_size=32).render(scenes, viewpoints)
    draw = pybullet.getCameraImage

    def draw_in_tuples(**arguments: object) -> tuple[object, ...]:
        width, height, *pictures = draw(**arguments)
        return (width, height, *(tuple(np.ravel(picture).tolist()) for picture in pictures))

    monkeypatch.setattr(pybullet, "getCameraImage", draw_in_tuples)
    received = make_renderer("pybullet", image_size=32).render(scenes, viewpoints)
    assert np.array_equal(received, expected)


ANOTHER_SCRIPT = """
import numpy as np, pybullet
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import sample_scenes

rng = np.random.default_rng(0)
scenes, viewpoints = sample_scenes(rng, 3), sample_on_sphere(rng, 3)
renderer = make_renderer("pybullet", image_size=32)
before = renderer.render(scenes, viewpoints)
assert before.any()
assert pybullet.connect(pybullet.DIRECT) == 0
pybullet.resetSimulation()
pybullet.createMultiBody(baseMass=1.0)
pybullet.stepSimulation()
assert pybullet.getNumBodies() == 1
assert np.array_equal(renderer.render(scenes[::-1], viewpoints[::-1])[::-1], before)
"""


def test_calls_without_a_client_are_another_scripts_own() -> None:
    done = subprocess.run([sys.executable, "-c", ANOTHER_SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("call", ["resetSimulation", "createMultiBody"])
def test_bodies_that_are_not_ours_are_noticed(rng: np.random.Generator, call: str) -> None:
    renderer = make_renderer("pybullet", image_size=32, own_client=True)  # others draw on theirs
    scenes, viewpoints = sample_scenes(rng, 2), sample_on_sphere(rng, 2)
    renderer.render(scenes, viewpoints)
    getattr(pybullet, call)(physicsClientId=renderer.bodies.client)
    with pytest.raises(UserError, match="bodies, expected 7"):
        renderer.render(scenes, viewpoints)
    renderer.close()


def test_a_renderer_that_is_never_closed_says_nothing_at_exit() -> None:
    command = (
        "import builtins; from gqn_rl.rendering import make_renderer; "
        "builtins.kept = make_renderer('pybullet'); kept.cycle = kept"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
