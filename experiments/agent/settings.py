"""The flags of `train_agent`, and the settings of a run that is resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.renamed import current_names
from envs.camera.control import make_control
from envs.registration import fixed_arguments, known_id
from experiments.agent.flags import EVAL_EVERY, MORE_THAN_ZERO, TrainingFlags
from experiments.shared.changes import parse_changes
from experiments.shared.command import require_more_than_zero
from experiments.shared.continuation import limit_line, resumed, stored_settings
from experiments.shared.device import AgentDeviceFlag
from experiments.shared.threads import check_threads
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.training.run_logs import check_loggers

SUPERVISION = {"labels": "labels", "none": "rewards"}
"""Kind of supervision to `aux_feedback`, see `agents.algorithms.feedback`."""
EARLY_ANSWERS = {"confidence_gain": 6.0, "threshold": 0.3}
"""Of `policy_kwargs`, with reward alone: who looks on until sure never answers and never learns."""


@dataclass(frozen=True)
class TrainAgentSettings(AgentDeviceFlag, TrainingFlags):
    """Flags of `python -m experiments.train_agent`."""

    algo: str | None = None
    """Algorithm: ppo, sac or module:class of your own, see agents/hyperparameters; by default the
    first that fits the environment: ppo."""
    supervision: str | None = None
    """What tells answers apart while training: labels, the right answer of every state, or none:
    reward alone, of the agent's own answers; by default the hyperparameter file's (labels)."""
    num_envs: int | None = None
    """Environments side by side; by default the hyperparameter file's (64)."""
    eval_shapes: str | None = None
    """Shapes of the final measurement, such as test for ones that are new to GQN and agent; by
    default those of the training."""
    resume: Path | None = None
    """Run folder to go on with, to the bit, with its own settings; only max-minutes, device,
    threads, logger, checkpoint-every and a given number of total timesteps are read anew."""
    optimize: int | None = None
    """Instead of one training, so many short ones with other hyperparameters, chosen by Optuna
    from agents/search/spaces. total-timesteps and max-minutes then count for each."""
    study: Path | None = None
    """With --optimize: a folder that any number of these commands share, on one host or on several
    with a common file system; each does trials until there are N in all. The first begins it."""
    study_timeout: float = 120.0
    """Seconds without a sign of life after which a process of another host counts as dead and its
    trial is done again; those of this host are known at once."""
    logger: tuple[str, ...] = ("tensorboard",)
    """Where the curves go beside the folder's own files: tensorboard, wandb, both or nothing."""

    @property
    def algorithm(self) -> str:
        """The name of the algorithm, given or fitting."""
        return fitting_algorithm(self.env_id) if self.algo is None else self.algo

    def hyperparameters_of(self, algo: str) -> dict[str, Any]:
        """See `NewAgentFlags`; with what `supervision` stands for.

        Raises:
            UserError: for another kind of supervision, or labels where there is no right answer.
        """
        found = super().hyperparameters_of(algo)
        if self.supervision is None:
            return found
        if self.supervision not in SUPERVISION:
            raise unknown_name("supervision", self.supervision, SUPERVISION)
        feedback = SUPERVISION[self.supervision]
        if found.get("aux_coef"):
            found |= {"aux_feedback": feedback}
            return found if feedback == "labels" else self._with_early_answers(found)
        if feedback == "labels":
            raise UserError(
                f"supervision is {self.supervision!r}, but {self.env_id} is learned with "
                f"aux_coef={found.get('aux_coef', 0)}, without an answer posterior: expected none"
            )
        return found

    def _with_early_answers(self, found: dict[str, Any]) -> dict[str, Any]:
        """Hyperparameters with `EARLY_ANSWERS`, save for what --hyper says itself."""
        from agents.factory import merged

        asked = current_names(parse_changes(self.hyper)).get("policy_kwargs", {})
        names = EARLY_ANSWERS.keys() & found.get("policy_kwargs", {}).keys() - asked.keys()
        early = {name: EARLY_ANSWERS[name] for name in names}
        return merged(found, {"policy_kwargs": early})


def supervision_of(hyperparameters: dict[str, Any]) -> str:
    """The name of the supervision that hyperparameters, given in full, stand for.

    >>> supervision_of({"aux_coef": 1.0, "aux_feedback": "labels"}), supervision_of({"aux_coef": 0})
    ('labels', 'none')
    """
    if not hyperparameters.get("aux_coef"):
        return "none"
    feedback = hyperparameters.get("aux_feedback", SUPERVISION["labels"])
    return next(name for name, kind in SUPERVISION.items() if kind == feedback)


def limit_of(settings: TrainingFlags, done: int, steps: int) -> str:
    """What to say when the time limit of these settings has ended a training."""
    assert settings.max_minutes is not None
    return limit_line(settings.max_minutes, done, steps)


def seconds_of(settings: TrainingFlags) -> float:
    """The time limit of a training, in seconds; infinite where there is none."""
    return math.inf if settings.max_minutes is None else 60 * settings.max_minutes


def evaluated_every(settings: TrainingFlags, steps: int) -> int:
    """Environment steps between evaluations of a training of so many steps.

    >>> [evaluated_every(TrainingFlags(eval_every=n), 6_144) for n in (None, 512)]
    [2048, 512]
    """
    return settings.eval_every or min(EVAL_EVERY, math.ceil(steps / 3))


def fitting_algorithm(env_id: str) -> str:
    """The first algorithm with a policy for the actions of an id.

    Raises:
        UserError: for an unknown id, or one with a control for which there is none.

    >>> fitting_algorithm("GQNShepardContinuous-v0")  # measured better than sac
    'ppo'
    """
    from agents.algorithms.algorithm import ALGORITHMS, algorithm_named

    control = fixed_arguments(known_id(env_id))["control"]
    space = make_control(control, num_answers=2).action_space  # of any number of answers alike
    for name in ALGORITHMS:
        algorithm = algorithm_named(name)
        if any(isinstance(space, algorithm.action_spaces(policy)) for policy in algorithm.policies):
            return name
    raise UserError(f"no algorithm of {sorted(ALGORITHMS)} works on {space}; name one by --algo")


def check_numbers(settings: TrainAgentSettings) -> None:
    """Refuse counts that are not positive and loggers that are not there, before all else."""
    check_loggers(settings.logger)
    check_threads(settings.threads)
    require_more_than_zero(settings, (*MORE_THAN_ZERO, "num_envs", "optimize", "study_timeout"))


def resumed_settings(given: TrainAgentSettings) -> TrainAgentSettings:
    """See `resumed`; a training does not become a search for hyperparameters."""
    from agents.training.training_state import NAME, read_record

    assert given.resume is not None
    stored = stored_settings(given.resume, TrainAgentSettings)
    if given.optimize is not None and stored.optimize is None:
        raise UserError(
            f"the run in {str(given.resume)!r} is a training, but --optimize is {given.optimize}"
        )
    found = resumed(given)
    if found.algo is None and (given.resume / NAME).is_file():
        # Which algorithm fits may have changed since.
        found = replace(found, algo=read_record(given.resume).algo)
    return found
