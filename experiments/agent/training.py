"""Training an agent: environments, model and what happens beside learning, kept in a run folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms.algorithm import algorithm_named
from agents.algorithms.shaping import PotentialShaping
from agents.evaluation import Evaluation
from agents.factory import make_model
from agents.renamed import current_names
from agents.saving.bundle import AgentRecord, make_record, save_bundle
from agents.training.callbacks import (
    CurveCallback,
    EvaluationCallback,
    ProgressCallback,
    Resumable,
    TimeLimitCallback,
)
from agents.training.checkpoints import CheckpointCallback
from agents.training.divergence import DivergedError, DivergenceCallback, noticed_divergence
from agents.training.log_callback import LogCallback
from agents.training.training_state import load_training_state, read_record, save_training_state
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.progress import reporter
from experiments.agent.report import FinishedTraining
from experiments.agent.settings import TrainAgentSettings, evaluated_every, seconds_of
from experiments.shared import seeds
from experiments.shared.terminal import shows_bars
from gqn_rl.errors import UserError
from gqn_rl.training.run_logs import run_logs

CURVE_EVERY = 500
"""Environment steps between two points of the training curve, at least."""
HYPERPARAMETERS = "hyperparameters.json"


@dataclass(frozen=True)
class Trainee:
    """A model with the environments that it learns in and those that it is measured in."""

    model: BaseAlgorithm
    environment: AgentEnvironment
    held_out: AgentEnvironment
    measured: AgentEnvironment
    """Of the final measurement; mostly `held_out`."""
    hyperparameters: dict[str, Any]
    steps: int
    """Environment steps in all."""

    def close(self) -> None:
        self.environment.close()
        self.held_out.close()
        if self.measured is not self.held_out:
            self.measured.close()


def make_trainee(settings: TrainAgentSettings) -> Trainee:
    """Everything that the settings name, untrained."""
    hyperparameters = hyperparameters_of(settings)
    environment = make_environment(
        settings.env_id,
        settings.num_envs or hyperparameters["num_envs"],
        arguments_of(settings, hyperparameters),
        device=settings.device,
    )
    model = model_for(settings, environment, hyperparameters, settings.seed)
    steps = settings.total_timesteps or int(hyperparameters["n_timesteps"])
    held_out = environment.again()
    measured = final_environment(held_out, settings.eval_shapes)
    return Trainee(model, environment, held_out, measured, hyperparameters, steps)


def final_environment(environment: AgentEnvironment, shapes: str | None) -> AgentEnvironment:
    """The environment itself, or once more with other shapes.

    Raises:
        UserError: for shapes that there are not, or an agent that could do nothing with them.
    """
    if shapes is None:
        return environment
    if environment.task.answer_shapes is not None:
        raise UserError(
            f"eval_shapes is {shapes!r}, but the answers of {environment.env_id} are the shapes "
            "of the training: expected none"
        )
    found = environment.with_shapes(shapes)
    if found.facts != environment.facts:
        found.close()
        raise UserError(f"eval_shapes is {shapes!r}: actions or observations are other ones there")
    return found


def arguments_of(settings: TrainAgentSettings, hyperparameters: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the environment: the flags, and the encoder that the agent learns best from."""
    arguments = settings.arguments()
    if arguments["encoder"] is None and arguments["observation"] == "representation":
        arguments["encoder"] = hyperparameters.get("encoder")
    return arguments


def model_for(
    settings: TrainAgentSettings,
    environment: AgentEnvironment,
    hyperparameters: dict[str, Any],
    seed: int,
) -> BaseAlgorithm:
    """An untrained model in the environment, with the rewards that it is to learn from."""
    return make_model(
        settings.algorithm,
        shaped(environment.bridge, hyperparameters),
        hyperparameters,
        num_answers=environment.num_answers,
        volumes=environment.volumes,
        seed=seed,
        device=settings.device,
    )


def shaped(bridge: VecEnv, hyperparameters: dict[str, Any]) -> VecEnv:
    """The environment with the rewards to learn from; measurements have the task's own."""
    if hyperparameters.get("potential_shaping"):
        return PotentialShaping(bridge, hyperparameters["gamma"])
    return bridge


def hyperparameters_of(settings: TrainAgentSettings) -> dict[str, Any]:
    """Those of a resumed run are its own; the files may have changed since."""
    if settings.resume is None:
        return settings.hyperparameters_of(settings.algorithm)
    path = settings.resume / HYPERPARAMETERS
    try:
        return current_names(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{str(path)!r} does not hold hyperparameters: {error}") from error


class AgentTraining:
    """One training, from its beginning or from where it was saved.

    Args:
        folder: run folder: the best agent so far and what a resumption needs.
        interrupted: whether somebody wants training to stop.
    """

    def __init__(
        self,
        settings: TrainAgentSettings,
        trainee: Trainee,
        folder: Path,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings, self._trainee, self._folder = settings, trainee, folder
        self._interrupted = interrupted
        self._limit, self._curve = (
            TimeLimitCallback(seconds_of(settings)),
            CurveCallback(CURVE_EVERY),
        )
        self._progress = ProgressCallback(interrupted, shown=shows_bars())
        self._evaluations = EvaluationCallback(
            trainee.held_out.bridge,
            evaluated_every(settings, trainee.steps),
            settings.eval_every_episodes,
            settings.seed + seeds.EVALUATION,
            self._keep,
            reporter(trainee.steps),
        )
        self._record = record_of(settings, trainee)
        if settings.resume is not None:
            self._take_up()
        self._first_step = trainee.model.num_timesteps

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to be learned."""
        return self._trainee.model.num_timesteps >= self._trainee.steps

    def train(self) -> FinishedTraining:
        """Learn, keeping the best agent and what a resumption needs in the folder."""
        began, model = time.monotonic(), self._trainee.model
        if not self.is_complete:
            self._learn()
        return FinishedTraining(
            algo=self._settings.algorithm,
            seed=self._settings.seed,
            timesteps=model.num_timesteps,
            steps=model.num_timesteps - self._first_step,
            seconds=time.monotonic() - began,
            timed_out=self._limit.reached,
            curve=self._curve.curve,
            evaluations=self._evaluations.curve,
        )

    def _learn(self) -> None:
        names = self._settings.logger
        if "tensorboard" in names:  # Stable-Baselines3's own
            self._trainee.model.tensorboard_log = str(self._folder / "tensorboard")
        others = [name for name in names if name != "tensorboard"]
        with run_logs(others, self._folder) as logs:
            self._learn_logged(LogCallback(logs))

    def _learn_logged(self, logging: BaseCallback) -> None:
        model, algo = self._trainee.model, self._settings.algorithm
        checkpoints = CheckpointCallback(
            self._save,
            self._settings.checkpoint_every,
            self._interrupted,
            ending=lambda: self._limit.reached,
        )
        watching: list[BaseCallback] = [DivergenceCallback(), logging, self._limit]
        watching += [self._curve, self._progress, self._evaluations]
        try:
            with noticed_divergence(model):
                model.learn(
                    self._trainee.steps - self._first_step,
                    callback=[*watching, checkpoints],
                    reset_num_timesteps=self._settings.resume is None,
                    tb_log_name=algo,
                    log_interval=algorithm_named(algo).log_interval,
                )
        except DivergedError as error:
            kept = f"the best agent so far and the last save are in {str(self._folder)!r}"
            raise UserError(f"{error}; {kept}") from error
        finally:
            self._progress.close()

    def _keep(self, best: BaseAlgorithm, evaluation: Evaluation) -> None:
        """Save the best agent so far."""
        training = {
            "timesteps": best.num_timesteps,
            "seconds": round(self._evaluations.seconds, 1),
            "seed": self._settings.seed,
            "selected_by": evaluation.summary(),
        }
        save_bundle(self._folder, best.policy, replace(self._record, training=training))

    @property
    def _resumable(self) -> dict[str, Resumable]:
        return {"curve": self._curve, "evaluations": self._evaluations}

    def _save(self) -> None:
        notes = {name: callback.state() for name, callback in self._resumable.items()}
        model, bridge = self._trainee.model, self._trainee.environment.bridge
        save_training_state(self._folder, model, bridge, self._record, notes)

    def _take_up(self) -> None:
        """Go on where the folder's training was saved."""
        environment = self._trainee.environment
        who = f"the agent in {str(self._folder)!r}"
        read_record(self._folder).require_environment(who, *environment.facts)
        notes = load_training_state(self._folder, self._trainee.model, environment.bridge)
        for name, callback in self._resumable.items():
            callback.load_state(notes[name])


def record_of(settings: TrainAgentSettings, trainee: Trainee) -> AgentRecord:
    """What is known of the agent before it has learned anything."""
    environment = trainee.environment
    return make_record(
        algo=settings.algorithm,
        hyperparameters=trainee.hyperparameters,
        num_answers=environment.num_answers,
        env_id=environment.env_id,
        env_kwargs=environment.env_kwargs,
        observation_space=environment.native.single_observation_space,
        action_space=environment.native.single_action_space,
        encoder=environment.encoder,
    )
