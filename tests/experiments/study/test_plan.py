"""The plan: what differs between runs, and what may not."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from agents.factory import load_hyperparameters, schedule
from experiments.agent.settings import EARLY_ANSWERS
from experiments.shared import seeds
from experiments.study.plan import (
    ALGO,
    CAMERAS,
    CHANGES,
    FULL,
    SUBJECTS,
    SUBSET,
    first_difference,
    hyperparameters_of,
    planned,
    study_hyperparameters,
)
from gqn_rl.errors import UserError
from tests.experiments.study.small import small_run

CONDITIONS = small_run().conditions


def test_the_full_study_is_what_was_asked_for() -> None:
    assert FULL.seeds >= 5
    assert set(FULL.cameras) == set(CAMERAS)
    assert FULL.timesteps > SUBSET.timesteps


def test_runs_are_all_combinations_seed_by_seed() -> None:
    runs = planned(list(SUBJECTS), list(CAMERAS), range(3), CONDITIONS)
    assert len(runs) == len({run.name for run in runs}) == 3 * len(SUBJECTS) * len(CAMERAS)
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)


def test_a_name_given_twice_is_one_run() -> None:
    assert len(planned(["state", "state"], ["fixed"], [0], CONDITIONS)) == 1


@pytest.mark.parametrize(
    ("agents", "cameras", "named"),
    [(["sound"], ["fixed"], "sound"), (["state"], ["hidden"], "hidden"), ([], ["fixed"], "agent")],
)
def test_unknown_names_are_refused(agents: list[str], cameras: list[str], named: str) -> None:
    with pytest.raises(UserError, match=named):
        planned(agents, cameras, [0], CONDITIONS)


def test_no_two_runs_share_the_seed_of_a_row() -> None:
    """Row i of an environment has the seed s + i: runs of neighbouring s would play the same."""
    rows = study_hyperparameters(False)["num_envs"]
    assert rows <= seeds.STUDY_APART
    first, second = (small_run(seed=seed).first_row_seed for seed in (0, 1))
    assert first + rows <= second


def test_all_agents_have_the_same_hyperparameters_behind_what_takes_in_the_observation() -> None:
    def without_features(settings: dict[str, Any]) -> dict[str, Any]:
        policy = settings["policy_kwargs"]
        kept = {k: v for k, v in policy.items() if not k.startswith("features_extractor")}
        return {**settings, "policy_kwargs": kept}

    found = {name: hyperparameters_of(small_run(name), 64) for name in SUBJECTS}
    assert len({str(without_features(settings)) for settings in found.values()}) == 1
    for name, subject in SUBJECTS.items():
        features = found[name]["policy_kwargs"]["features_extractor_kwargs"]
        assert features.get("summary") == subject.summary
        assert features["hidden"] == [64, 32]


def test_hyperparameters_are_the_defaults_tuned_for_no_environment() -> None:
    found, defaults = study_hyperparameters(False), load_hyperparameters(ALGO, "no environment")
    assert {key for key in defaults if found[key] != defaults[key]} == set(CHANGES)
    assert defaults["learning_rate"] == f"lin_{found['learning_rate']:.0e}".replace("e-0", "e-")


def test_the_learning_rate_does_not_depend_on_how_long_a_run_lasts() -> None:
    assert callable(schedule(load_hyperparameters(ALGO, "no environment")["learning_rate"]))
    assert isinstance(schedule(study_hyperparameters(False)["learning_rate"]), float)


def test_plain_ppo_differs_by_the_supervision_alone() -> None:
    plain, supervised = study_hyperparameters(True), study_hyperparameters(False)
    assert plain["aux_coef"] == 0
    different = {key for key in supervised if plain[key] != supervised[key]}
    assert different == {"aux_coef", "policy_kwargs"}
    policies = (plain["policy_kwargs"], supervised["policy_kwargs"])
    shared = {key for key in policies[1] if policies[0].get(key) == policies[1][key]}
    assert shared == set(policies[1]) - {
        "supervised_posterior",
        "inverse_temperature",
        "confidence_gain",
    }


def test_without_labels_answers_are_learned_from_their_rewards_and_given_early() -> None:
    alone, supervised = study_hyperparameters(False, "none"), study_hyperparameters(False)
    assert alone["aux_feedback"] == "rewards"
    different = {key for key in supervised if alone[key] != supervised[key]}
    assert different == {"aux_feedback", "policy_kwargs"}
    assert alone["policy_kwargs"] == supervised["policy_kwargs"] | EARLY_ANSWERS
    with pytest.raises(UserError, match="supervision 'some'"):
        study_hyperparameters(False, "some")


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"a": 1, "b": {"c": 2}}, None),
        ({"a": 1, "b": {"c": 3}}, ("b.c", 2, 3)),
        ({"a": 1, "b": {}}, ("b.c", 2, None)),
        ({"a": 1, "b": {"c": 2}, "d": 4}, ("d", None, 4)),
    ],
)
def test_the_first_difference_is_named_with_both_values(
    other: dict[str, Any], expected: tuple[str, Any, Any] | None
) -> None:
    assert first_difference({"a": 1, "b": {"c": 2}}, other) == expected


@pytest.mark.parametrize(("agent", "camera"), list(product(SUBJECTS, CAMERAS)))
def test_every_subject_and_camera_is_described(agent: str, camera: str) -> None:
    assert SUBJECTS[agent].label
    assert SUBJECTS[agent].description
    assert CAMERAS[camera]
