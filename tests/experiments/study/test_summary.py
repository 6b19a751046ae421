"""What is made of the runs: times to thresholds, ratios and curves of results done by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from experiments.study.plan import PIXEL_SUBJECTS, SUBJECTS, THRESHOLDS
from experiments.study.summary import BEST_PIXELS, BOTH, MEASURES, first_at, summarise
from tests.experiments.study.made_up import result

SLOW = (0.1, 0.2, 0.3, 0.55, 0.6, 0.7, 0.85, 0.95)
"""0.5 after 4000 steps, 0.8 after 7000, 0.9 after 8000."""
FAST = (0.2, 0.6, 0.95)
"""0.5 after 2000 steps, 0.8 and 0.9 after 3000."""
NEVER = (0.1, 0.2, 0.3, 0.3, 0.3, 0.4, 0.45, 0.4)


def three(agent: str, *curves: Any, camera: str = "moving") -> list[dict[str, Any]]:
    """Three runs; one curve for all or one for each."""
    each = curves * 3 if len(curves) == 1 else curves
    return [result(agent, curve, camera, seed) for seed, curve in enumerate(each)]


@pytest.mark.parametrize(
    ("accuracies", "steps"),
    [
        (SLOW, [4000, 7000, 8000]),
        (FAST, [2000, 3000, 3000]),
        (NEVER, [None, None, None]),
        ((0.5, 0.1, 0.8), [1000, 3000, None]),  # at the threshold counts, and falling back does not
    ],
)
def test_time_is_that_of_the_first_evaluation_at_the_threshold(
    accuracies: Any, steps: list[int | None]
) -> None:
    run = result("state", accuracies)
    assert [first_at(run, threshold, "timesteps") for threshold in THRESHOLDS] == steps
    seconds = [first_at(run, threshold, "seconds") for threshold in THRESHOLDS]
    assert seconds == [None if step is None else step / 500 for step in steps]


def test_ratios_of_runs_that_all_arrived() -> None:
    found = summarise(three("representation", FAST) + three("pixels-stack", SLOW))
    ratios = found["ratios"]["moving"]
    assert ratios["pixels-stack"] == ratios[BEST_PIXELS]
    for threshold, expected in zip(THRESHOLDS, (2.0, 7 / 3, 8 / 3), strict=True):
        for measure in MEASURES:
            ratio = ratios["pixels-stack"][str(threshold)][measure]
            assert ratio["value"] == pytest.approx(expected)
            assert ratio["interval"] == pytest.approx([expected] * 2)
            assert (ratio["runs"], ratio["reached"]) == (6, 6)


def test_runs_that_never_arrived_make_ratios_lower_bounds() -> None:
    found = summarise(three("representation", FAST) + three("pixels-stack", NEVER))
    ratio = found["ratios"]["moving"][BEST_PIXELS]["0.5"]["timesteps"]
    assert ratio["value"] is None
    assert ratio["at_most"] is None
    assert ratio["at_least"] == pytest.approx(4.0)  # they lasted 8000 steps
    assert ratio["interval"] == [pytest.approx(4.0), None]
    assert (ratio["runs"], ratio["reached"]) == (6, 3)


def test_a_representation_that_never_arrived_leaves_no_lower_bound() -> None:
    found = summarise(three("representation", NEVER) + three("pixels-stack", FAST))
    ratio = found["ratios"]["moving"][BEST_PIXELS]["0.5"]["timesteps"]
    assert ratio["value"] is None
    assert ratio["at_least"] == 0
    assert ratio["at_most"] == pytest.approx(2000 / 8000)


def test_the_best_pixel_agent_is_the_faster_one_at_each_threshold() -> None:
    early = (0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    runs = three("representation", FAST) + three("pixels-stack", SLOW)
    ratios = summarise(runs + three("pixels-recurrent", early))["ratios"]["moving"]
    assert ratios[BEST_PIXELS]["0.5"]["timesteps"]["value"] == pytest.approx(0.5)
    assert ratios[BEST_PIXELS]["0.8"]["timesteps"]["value"] == pytest.approx(7 / 3)
    assert set(PIXEL_SUBJECTS) < ratios.keys()


def test_cameras_are_strata_of_both_together() -> None:
    """All runs of a camera agree, so the mean of both is certain, and their ratio."""
    runs = three("representation", FAST) + three("representation", SLOW, camera="fixed")
    runs += three("pixels-stack", SLOW) + three("pixels-stack", NEVER, camera="fixed")
    found = summarise(runs)
    # Six runs, one less at either end: 2000, 2000, 4000, 4000.
    together = found["reached"][BOTH]["representation"]["0.5"]["timesteps"]
    assert together["value"] == pytest.approx(3000)
    assert together["interval"] == pytest.approx([3000, 3000])
    assert found["reached"]["fixed"]["representation"]["0.5"]["timesteps"]["value"] == 4000
    assert found["ratios"][BOTH][BEST_PIXELS]["0.5"]["timesteps"]["at_least"] == pytest.approx(2.0)


def test_an_agent_without_runs_for_a_camera_is_left_out_of_both() -> None:
    runs = three("representation", FAST) + three("representation", FAST, camera="fixed")
    found = summarise(runs + three("state", FAST))
    assert "state" in found["ratios"]["moving"]
    assert "state" not in found["ratios"][BOTH]
    assert "state" not in found["ratios"]["fixed"]


@pytest.mark.parametrize("agents", [["state"], ["pixels-stack", "pixels-recurrent"]])
def test_without_the_representation_there_are_no_ratios(agents: list[str]) -> None:
    found = summarise([run for agent in agents for run in three(agent, FAST)])
    assert found["ratios"] == {"moving": {}}
    assert found["agents"] == agents


def test_a_curve_holds_the_last_accuracy() -> None:
    curves = summarise(three("state", (0.2, 0.4), (0.2, 0.4), (0.2, 0.4, 0.9, 0.9)))["curves"]
    curve = curves["moving"]["state"]["timesteps"]
    assert curve["timesteps"] == [1000, 2000, 3000, 4000]
    assert curve["accuracy"] == pytest.approx([0.2, 0.4, 1.7 / 3, 1.7 / 3])
    assert curve["low"] == pytest.approx([0.2, 0.4, 0.4, 0.4])
    assert curve["high"][2] > 0.5


def test_a_summary_is_json_and_the_same_each_time() -> None:
    runs = three("representation", FAST, SLOW, NEVER) + three("pixels-stack", SLOW, NEVER, NEVER)
    text = json.dumps(summarise(runs), allow_nan=False)
    assert text == json.dumps(summarise(runs), allow_nan=False)


@pytest.mark.parametrize("agent", SUBJECTS)
def test_every_agent_of_the_table_can_be_summarised(agent: str) -> None:
    found = summarise([result(agent, FAST)])
    assert found["reached"]["moving"][agent]["0.9"]["timesteps"]["value"] == 3000
    assert found["final"]["moving"][agent]["accuracy"]["value"] == pytest.approx(0.95)
