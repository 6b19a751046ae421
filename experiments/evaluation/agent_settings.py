"""The flags of `evaluate_agent`, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from experiments.agent.flags import AgentFlags
from experiments.shared.untrained import RANDOM_NETWORKS
from gqn_rl.errors import UserError

QUICK_EPISODES, FULL_EPISODES = 200, 1000
QUICK_IDEAL_EPISODES, FULL_IDEAL_EPISODES = 20, 200
FULL_LABELLED_EPISODES = 4000


@dataclass(frozen=True)
class EvaluateAgentSettings(AgentFlags):
    """Flags of `python -m experiments.evaluate_agent`."""

    full: bool = False
    """Measure all baselines, not only those that take seconds."""
    episodes: int | None = None
    """Fresh episodes for each strategy, the same for all; by default 200, with --full 1,000."""
    num_envs: int = 64
    """Environments side by side."""
    look_around: tuple[str, ...] = ("right", "right", "up", "right", "right", "down")
    """Moves of the fixed look-around."""
    labelled_episodes: int | None = None
    """Episodes that train the look-around's classifier; by default none and no look-around, with
    --full 4,000."""
    baselines: bool = True
    """Whether to measure the baselines too; --no-baselines leaves them out."""
    random_networks: int | None = None
    """Networks with random weights for which the look-around is trained and measured too: the
    median and the range of them are reported, since one alone is a lottery; 0 leaves them out. By
    default none, with --full three."""
    ideal_episodes: int | None = None
    """Episodes, the first ones, that the ideal observer plays too, to say what is possible
    (docs/ideal-observer.md); 0 leaves it out. By default 20, with --full 200."""
    trials: Path | None = None
    """File for a table of the agent's trials of mental rotation, CSV, one row each."""
    participant: str | None = None
    """What the table calls the agent; by default the name of its file."""
    seed: int = 0
    """Seed of everything random."""
    output: Path | None = None
    """Output folder; by default runs/evaluate_agent-<time>."""

    @property
    def played(self) -> int:
        """Episodes for each strategy."""
        return self.episodes or (FULL_EPISODES if self.full else QUICK_EPISODES)

    @property
    def ideal(self) -> int:
        """Episodes for the ideal observer."""
        default = FULL_IDEAL_EPISODES if self.full else QUICK_IDEAL_EPISODES
        return min(self.played, default if self.ideal_episodes is None else self.ideal_episodes)

    @property
    def labelled(self) -> int:
        """Episodes that train the look-around's classifier; 0 leaves it out."""
        return self.labelled_episodes or (FULL_LABELLED_EPISODES if self.full else 0)

    @property
    def networks(self) -> int:
        """Networks with random weights that are measured."""
        default = RANDOM_NETWORKS if self.full else 0
        return default if self.random_networks is None else self.random_networks

    def check_networks(self) -> None:
        """Refuse networks with random weights where no look-around is measured.

        Raises:
            UserError: saying so.
        """
        if self.networks and not self.labelled:
            raise UserError(
                f"random_networks is {self.networks}, expected labelled_episodes or full "
                "besides: they are measured with the look-around"
            )
