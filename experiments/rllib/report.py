"""What `train_rllib` leaves behind: numbers, curves and pictures."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from experiments.agent.comparison import random_agent
from experiments.agent.environment import AgentEnvironment
from experiments.agent.episode import record_episode
from experiments.agent.figures import save_film_strip, save_learning_curve
from experiments.agent.report import evaluate_with_bar, write_curves
from experiments.rllib.agent import load_agent
from experiments.rllib.settings import TrainRllibSettings
from experiments.rllib.training import Session
from experiments.shared import seeds


def report(
    folder: Path, settings: TrainRllibSettings, held_out: AgentEnvironment, session: Session
) -> dict[str, Any]:
    """Measure the best agent of `folder` on fresh episodes; write and return the numbers.

    The keys are those of `train_agent`, and `library` and `env_runners` besides.
    """
    done = session.progressed
    write_curves(folder / "curves.csv", done.curve, done.evaluations)
    agent = load_agent(folder)
    seed, episodes = settings.seed + seeds.TEST, settings.eval_episodes
    final = evaluate_with_bar("final evaluation", agent, held_out, episodes, seed)
    picture = folder / "learning_curve.png"
    save_learning_curve(picture, done.curve, done.evaluations, final.measures, held_out.chance)
    guessing = random_agent(held_out, settings.seed)
    random = evaluate_with_bar("random baseline", guessing, held_out, episodes, seed)
    single = held_out.again(num_envs=1)
    episode = record_episode(single, agent, seed + episodes)
    single.close()
    save_film_strip(folder / "episode.png", episode, held_out.env_id)
    steps = done.timesteps - session.first_step
    return {
        "env_id": held_out.env_id,
        "env_kwargs": held_out.env_kwargs,
        "encoder": held_out.encoder,
        "algo": "ppo",
        "library": f"ray {version('ray')}",
        "seed": settings.seed,
        **final.summary(),
        "chance": held_out.chance,
        "baselines": {"random": random.summary()},
        "timesteps": done.timesteps,
        "best_at": agent.record.training,
        "time_limit_reached": session.timed_out,
        "training_seconds": round(done.seconds, 1),
        "steps_per_second": round(steps / max(done.seconds - session.before, 1e-9), 1),
        "env_runners": {"number": settings.num_env_runners, "restarts": done.restarts},
    }
