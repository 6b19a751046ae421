"""Play one episode, by moves given by name or by a trained agent, and save it as an animation.

Each frame is the environment's own `render()` with what was done after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.agent.flags import AgentFlags
from experiments.shared.command import make_folder, new_run_folder, run_command
from experiments.shared.threads import use_threads_for_small_batches
from gqn_rl.errors import UserError

if TYPE_CHECKING:
    from agents.evaluation import Predictor
    from experiments.agent.environment import AgentEnvironment

Actions = NDArray[Any]


@dataclass(frozen=True)
class PlayEpisodeSettings(AgentFlags):
    """Flags of `python -m experiments.play_episode`."""

    moves: tuple[str, ...] | None = None
    """Moves of the camera before the answer: left, right, up, down; with --aim free also aim-left,
    aim-right, aim-up, aim-down. None lets an agent play."""
    answer: int | None = None
    """The answer after the moves; by default the right one."""
    seed: int = 0
    """Seed of the episode."""
    output: Path | None = None
    """The .gif file; by default episode.gif in a new folder runs/play_episode-<time>."""


class ScriptedPlayer:
    """Makes the same moves in every episode, then gives an answer; for one row.

    Args:
        moves: the actions before the answer.
        answer: returns the action that answers, (1, ...).
    """

    def __init__(self, moves: list[Actions], answer: Any) -> None:
        self._moves, self._answer = moves, answer

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[Actions, Any]:
        """The next action (1, ...) and how many there have been."""
        done = 0 if state is None else int(state)
        action = self._moves[done][None] if done < len(self._moves) else self._answer()
        return action, done + 1


def main(settings: PlayEpisodeSettings) -> None:
    """Play, save, say how it ended."""
    from experiments.agent.episode import record_episode
    from experiments.agent.figures import save_animation

    check_output(settings.output)
    use_threads_for_small_batches(settings.threads)
    player, environment = player_and_environment(settings)
    try:
        episode = record_episode(environment, player, settings.seed)
    finally:
        environment.close()
    path = settings.output or new_run_folder(None, "play_episode") / "episode.gif"
    make_folder("folder", path.parent)
    save_animation(path, [episode])
    print(f"{len(episode.views)} looks, {episode.outcome}\n{path}")


def check_output(output: Path | None) -> None:
    """Refuse a file that is no .gif or is there already."""
    if output is not None and output.suffix != ".gif":
        raise UserError(f"output is {str(output)!r}, expected a file that ends in .gif")
    if output is not None and output.exists():
        raise UserError(f"output {str(output)!r} exists; choose another or remove it")


def player_and_environment(settings: PlayEpisodeSettings) -> tuple[Predictor, AgentEnvironment]:
    """Who plays, and a row of the environment to play on."""
    from experiments.agent.environment import make_environment
    from experiments.agent.trained import agent_and_environment

    watched: dict[str, Any] = {"render_mode": "rgb_array"}
    if settings.moves is None:
        return agent_and_environment(settings, 1, **watched)
    environment = make_environment(
        settings.env_id, 1, settings.arguments(), device=settings.device, **watched
    )
    try:
        return scripted(environment, settings), environment
    except UserError:
        environment.close()
        raise


def scripted(environment: AgentEnvironment, settings: PlayEpisodeSettings) -> ScriptedPlayer:
    """Plays the moves and the answer of the flags.

    Raises:
        UserError: for an unknown move, more moves than looks, or an answer that there is not.
    """
    control, native = environment.control, environment.native.unwrapped
    assert settings.moves is not None
    moves = list(control.encode_moves(settings.moves))
    most = native.max_looks - 1  # type: ignore[attr-defined]
    if len(moves) > most:
        raise UserError(f"{len(moves)} moves, expected at most {most}: the first look is free")
    if settings.answer is not None and not 0 <= settings.answer < environment.num_answers:
        raise UserError(f"answer is {settings.answer}, expected 0 to {environment.num_answers - 1}")

    def answer() -> Actions:
        given = settings.answer
        truth = native.targets  # type: ignore[attr-defined]
        return control.encode_answer(truth if given is None else np.array([given]))

    return ScriptedPlayer(moves, answer)


if __name__ == "__main__":
    run_command(main, PlayEpisodeSettings, __doc__)
