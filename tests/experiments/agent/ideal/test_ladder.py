"""The ladder of difficulty: what the ideal observer needs on its steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envs.registration import HARD_TASKS
from experiments.agent.environment import make_environment
from experiments.agent.ideal.ladder import MOST_INFORMATIVE, STEPS, ideal_figures
from experiments.measure_difficulty import MeasureDifficultySettings, main
from gqn_rl.errors import UserError


def test_the_last_step_is_the_registered_id() -> None:
    *_, hardest = STEPS.values()
    registered = dict(HARD_TASKS["GQNShepardKeyhole"][1])
    assert registered.pop("observation") == "posterior"
    assert hardest == registered


def test_a_view_of_all_is_enough_and_one_of_a_part_is_not() -> None:
    views = {}
    for name in ("image_16", "noise_64", "view_1"):
        given = {**STEPS[name], "observation": "state", "renderer": "raycast"}
        environment = make_environment("GQNShepard-v0", 1, given)
        figures = ideal_figures(environment, 10, 0)
        environment.close()
        for strategy in figures.values():
            assert strategy["episodes"] == 10
            right = [strategy["right_after"][str(n)] for n in (1, 2, 3, 4)]
            assert right[0] <= right[-1]
        assert len({strategy["right_after"]["1"] for strategy in figures.values()}) == 1
        views[name] = figures[MOST_INFORMATIVE]["looks"]
        assert figures[MOST_INFORMATIVE]["accuracy"] >= 0.9
    assert views["image_16"] == 1.0
    assert views["view_1"] > 1.5


@pytest.mark.slow
def test_a_camera_that_is_aimed_needs_fewer_views() -> None:
    looks = {}
    for name in ("view_1", "view_1_aimed"):
        given = {**STEPS[name], "observation": "state", "renderer": "raycast"}
        environment = make_environment("GQNShepard-v0", 1, given)
        found = ideal_figures(environment, 20, 0)[MOST_INFORMATIVE]
        environment.close()
        assert found["accuracy"] >= 0.9
        looks[name] = (found["looks"], found["right_after"]["1"])
    assert looks["view_1_aimed"][0] < looks["view_1"][0] - 0.2
    assert looks["view_1_aimed"][1] == looks["view_1"][1]  # the first view is of the centre


def test_a_setting_without_an_ideal_observer_is_refused() -> None:
    given = {"observation": "state", "pixel_noise": 5.0, "orientation": "free"}
    environment = make_environment("GQNShepard-v0", 1, given)
    with pytest.raises(UserError, match=r"no ideal observer of .*'pixel_noise': 5\.0"):
        ideal_figures(environment, 1, 0)
    environment.close()


def test_the_command_writes_a_step_after_the_other(tmp_path: Path) -> None:
    output = tmp_path / "ladder"
    steps = ("image_16", "image_8")
    main(MeasureDifficultySettings(rungs=steps, episodes=2, renderer="raycast", output=output))
    found = json.loads((output / "metrics.json").read_text())["steps"]
    assert tuple(found) == steps
    assert found["image_8"]["arguments"] == STEPS["image_8"]
    with pytest.raises(UserError, match="unknown step 'cliff'"):
        main(MeasureDifficultySettings(rungs=("cliff",), output=tmp_path / "none"))
