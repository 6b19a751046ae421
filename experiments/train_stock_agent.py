"""Train an agent of Stable-Baselines3 or sb3-contrib as it comes: the reference for other agents.

Algorithm, network and hyperparameters are the library's own. Only what counts the steps of one
environment is divided among the rows: a rollout of PPO has about 2,048 steps in all, and DQN learns
once for every four. Reward alone teaches; no label reaches the agent. The run folder holds the last
agent (agent.zip, Stable-Baselines3's own file), metrics.json, curves.csv, learning_curve.png and
episode.png.
"""

from __future__ import annotations

from experiments.shared.command import require_more_than_zero, run_command
from experiments.shared.threads import use_threads_for_small_batches
from experiments.stock.settings import TrainStockAgentSettings

__all__ = ["TrainStockAgentSettings", "main"]


def main(settings: TrainStockAgentSettings) -> None:
    """Train, measure, write the run folder."""
    from experiments.stock.training import MAKERS, train_and_measure
    from gqn_rl.errors import unknown_name

    numbers = ("total_timesteps", "eval_every", "eval_every_episodes", "eval_episodes")
    require_more_than_zero(settings, numbers)
    if settings.algo not in MAKERS:
        raise unknown_name("algo", settings.algo, MAKERS)
    use_threads_for_small_batches(settings.threads)
    train_and_measure(settings)


if __name__ == "__main__":
    run_command(main, TrainStockAgentSettings, __doc__)
