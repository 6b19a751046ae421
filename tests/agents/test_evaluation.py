"""Evaluation counts fairly and states its uncertainty correctly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from agents.baselines import RandomAgent
from agents.evaluation import (
    EpisodeRecord,
    Evaluation,
    evaluate,
    mean_interval,
    paired_difference,
    quotas,
    wilson_interval,
)
from agents.sb3_vec_env import GymnasiumVecEnv
from tests.agents.fake_env import LEFT, NUM_MOVES, RIGHT, fake_vector_env


class Impatient:
    """Row 0 answers at once; the others look to and fro eight times first."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: Any = None, deterministic=False
    ) -> tuple[np.ndarray, Any]:
        n = len(observation["viewpoint"])
        made = np.zeros(n, dtype=np.int64) if state is None else state
        made = np.where(episode_start, 0, made)
        actions = np.where(made % 2 == 0, LEFT, RIGHT)
        done = (made >= 8) | (np.arange(n) == 0)
        return np.where(done, NUM_MOVES, actions), made + 1


def test_quick_rows_do_not_count_more_often() -> None:
    env = GymnasiumVecEnv(fake_vector_env(4))
    evaluation = evaluate(Impatient(), env, 18, seed=0)
    rows = [episode.row for episode in evaluation.episodes]
    assert [rows.count(row) for row in range(4)] == [5, 5, 4, 4]
    assert [e.looks for e in evaluation.episodes if e.row == 0] == [1] * 5
    assert all(e.looks == 9 for e in evaluation.episodes if e.row != 0)
    assert evaluation.looks == pytest.approx((5 * 1 + 13 * 9) / 18)


def test_records_are_true() -> None:
    env = GymnasiumVecEnv(fake_vector_env(3))
    evaluation = evaluate(RandomAgent(env.action_space, seed=0), env, 300, seed=1)
    for episode in evaluation.episodes:
        assert episode.success == (episode.answer == episode.target)
        if episode.answer >= 0:
            expected = (1 if episode.success else -1) - 0.02 * (episode.looks - 1)
            assert episode.reward == pytest.approx(expected, abs=1e-5)
    summary = evaluation.summary()
    assert summary["episodes"] == 300
    assert summary["accuracy_95"][0] < 0.25 < summary["accuracy_95"][1]
    assert summary["reward_95"][0] < summary["reward"] < summary["reward_95"][1]


def test_same_seed_same_episodes() -> None:
    env = GymnasiumVecEnv(fake_vector_env(3))
    runs = [evaluate(Impatient(), env, 9, seed=s).records() for s in (4, 4, 50)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (10, 10), (7, 10), (930, 1000)])
def test_wilson_interval_inverts_the_score_test(successes: int, n: int) -> None:
    for bound in wilson_interval(successes, n):
        if 1e-9 < bound < 1 - 1e-9:
            score = (successes / n - bound) / np.sqrt(bound * (1 - bound) / n)
            assert abs(score) == pytest.approx(stats.norm.ppf(0.975))


def test_wilson_interval_golden_value() -> None:
    # 81 of 263: Newcombe 1998, Statistics in Medicine 17:857, table I.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_mean_interval_golden_value() -> None:
    low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    assert (low, high) == pytest.approx((2.5 - 2.05429, 2.5 + 2.05429), abs=1e-4)
    assert mean_interval([3.0]) == (3.0, 3.0)


def test_quotas_sum_up_and_differ_by_one_at_most() -> None:
    for episodes, num_envs in ((1, 4), (10, 3), (64, 64), (1000, 64)):
        shares = quotas(episodes, num_envs)
        assert shares.sum() == episodes
        assert shares.max() - shares.min() <= 1
    with pytest.raises(ValueError, match="episodes is 0"):
        quotas(0, 3)


def graded(error: float | None, row: int = 0, reward: float = 0.0) -> EpisodeRecord:
    return EpisodeRecord(False, reward, 3, 0, 0 if error is not None else -1, row, error, 12.0)


def test_graded_episodes_are_summed_up_by_their_error() -> None:
    evaluation = Evaluation([graded(4.0), graded(6.0), graded(None), graded(8.0)])
    summary = evaluation.summary()
    assert evaluation.measures == ("error", "looks", "reward")
    assert (summary["error"], summary["first_error"]) == (6.0, 12.0)
    assert summary["error_95"] == pytest.approx(mean_interval([4.0, 6.0, 8.0]))
    assert summary["unanswered"] == 0.25
    assert "accuracy" not in summary
    silent = Evaluation([graded(None)]).summary()
    assert (silent["error"], silent["error_95"], silent["unanswered"]) == (None, None, 1.0)


def test_errors_are_those_of_the_infos_and_minus_one_is_none() -> None:
    env = GymnasiumVecEnv(fake_vector_env(3))
    step = env.step_wait

    def with_errors() -> Any:
        observation, rewards, dones, infos = step()
        for row, info in enumerate(infos):
            info |= {"first_error": 9.0, "error": 5.0 + row if row else -1.0}
        return observation, rewards, dones, infos

    env.step_wait = with_errors  # type: ignore[method-assign]
    episodes = evaluate(Impatient(), env, 6, seed=0).episodes
    assert {(e.row, e.error) for e in episodes} == {(0, None), (1, 6.0), (2, 7.0)}
    assert {e.first_error for e in episodes} == {9.0}


def test_paired_differences_compare_the_same_episodes() -> None:
    """Whatever the order in which rows finished; hard episodes do not widen the interval."""
    one = Evaluation([graded(5.0), graded(41.0, row=1), graded(7.0), graded(None, row=1)])
    other = Evaluation([graded(44.0, row=1), graded(8.0), graded(1.0, row=1), graded(10.0)])
    result = paired_difference(one, other, "error")
    assert result["difference"] == -3.0
    assert result["difference_95"] == [-3.0, -3.0]
    assert result["episodes"] == 3
    assert paired_difference(one, other, "reward")["episodes"] == 4
    nothing = paired_difference(one, Evaluation([graded(None)] * 2), "error")
    assert nothing["difference"] is None


def test_evaluation_is_a_sequence_of_its_episodes() -> None:
    assert len(Evaluation([])) == 0


def test_episodes_are_summed_up_by_the_angle_between_two_objects():
    def episode(success, looks, angle):
        return EpisodeRecord(success, 0.0, looks, 0, 0, row=0, angle=angle)

    near, far = Evaluation(
        [episode(True, 2, 100.0), episode(True, 4, 20.0), episode(False, 6, 20.0)]
    ).by_angle()
    assert (near["angle"], far["angle"]) == (20.0, 100.0)
    assert near["accuracy"] == 0.5
    assert near["looks"] == 5
    assert Evaluation([episode(True, 1, None)]).by_angle() == []
    many = [episode(angle < 90, 1, float(angle)) for angle in np.arange(0.0, 180.5, 2.5)]
    around = Evaluation(many).by_angle()
    assert [row["angle"] for row in around] == list(range(0, 181, 20))
    assert [row["episodes"] for row in around] == [4, *[8] * 8, 5]
    assert [row["accuracy"] for row in around] == [1.0] * 5 + [0.0] * 5
