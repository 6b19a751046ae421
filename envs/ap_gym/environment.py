"""Our environments in the form of ap_gym, where an agent predicts at every step.

In ap_gym (Schneider et al., Active Perception Gym) an action is a Dict of an inner `action`, which
moves the sensor, and a `prediction`, which changes nothing in the world. The reward of a step is

    R(s, a) = R_base(s, action) - loss(prediction, target)

with a differentiable loss that the environment hands out. Here the inner action moves the camera
and costs a look, as ever; the answers are no actions any more. An episode goes on for `max_looks`
looks, so that every prediction is made on one look more than the last. In the last step, when no
look is left, the camera stays, and the prediction is given to the task as its answer: that is what
`is_success` and `answer` in the info are about, and the task's +1 or -1 for it is not paid.

ap_gym is not needed. Where it has been imported before an environment is made, its wrappers and
functions take the environment for one of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.ap_gym.losses import AnswerLoss, ImageLoss, PredictionLoss
from envs.scene_env import SceneEnv
from envs.scene_vector_env import SceneVectorEnv
from envs.tasks import AnswerTask
from gqn_rl.errors import UserError


class Predictions:
    """What predicting adds to the rows of an environment.

    Attributes:
        action_space: of one row, a Dict of `action` and `prediction`.
        target_space: of what is predicted.
        loss_fn: of predictions.
    """

    def __init__(self, rows: SceneVectorEnv) -> None:
        self._rows = rows
        prediction: spaces.Box
        self.target_space: spaces.Space[Any]
        self.loss_fn: PredictionLoss
        if isinstance(rows.task, AnswerTask):
            count = rows.task.num_answers
            prediction = spaces.Box(-np.inf, np.inf, (count,), np.float32)
            self.target_space, self.loss_fn = spaces.Discrete(count), AnswerLoss()
        elif rows.task.has_query:
            size = rows.renderer.identity.image_size
            prediction = spaces.Box(0.0, 1.0, (size, size, 3), np.float32)
            self.target_space, self.loss_fn = prediction, ImageLoss()
        else:
            raise UserError(
                f"{type(rows.task).__name__} has neither right answers nor a query view, expected "
                "one of them: there is nothing to predict"
            )
        inner = rows.control.turn_space
        self.action_space = spaces.Dict({"action": inner, "prediction": prediction})

    @property
    def finishing(self) -> NDArray[np.bool_]:
        """The rows whose looks are used up, bool (N,): their next step is their last."""
        return self._rows.looks_taken == self._rows.max_looks

    def targets(self) -> NDArray[Any]:
        """What is to be predicted in each row; stays the same through an episode."""
        if isinstance(self._rows.task, AnswerTask):
            return self._rows.targets
        return (self._rows.query_images / 255.0).astype(np.float32)

    def commands(self, moves: Any, predictions: Any) -> NDArray[Any]:
        """The actions of the environment for inner actions (N, ...) and predictions (N, ...).

        Raises:
            UserError: for inner actions or predictions of another shape, or outside their space.
        """
        checked = self._checked(predictions)
        answers = np.zeros(len(checked), dtype=np.int64)
        if isinstance(self._rows.task, AnswerTask):
            answers = checked.argmax(axis=1)
        control, finishing = self._rows.control, self.finishing
        actions = control.encode_turn(control.read_turn(moves, len(checked)))
        actions[finishing] = control.encode_answer(answers[finishing])
        return actions

    def charge(
        self,
        rewards: NDArray[np.float64],
        predictions: Any,
        targets: NDArray[Any],
        finishing: NDArray[np.bool_],
        live: NDArray[np.bool_],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The cost of the looks and the losses (N,); rows not `live` (N,) only begin an episode."""
        base = np.where(live & ~finishing, rewards, 0.0)
        loss = self.loss_fn.numpy(predictions, targets, (len(live),))
        return base, np.where(live, loss, 0.0)

    def _checked(self, predictions: Any) -> NDArray[Any]:
        space = self.action_space["prediction"]
        assert isinstance(space, spaces.Box)
        values, expected = np.asarray(predictions), (self._rows.num_envs, *space.shape)
        if values.shape != expected or values.dtype.kind not in "fiu":
            raise UserError(
                f"prediction is {values.dtype} of shape {values.shape}, "
                f"expected numbers of shape {expected}"
            )
        inside = np.isfinite(values) & (values >= space.low) & (values <= space.high)
        if not inside.all():
            raise UserError(
                f"prediction {values[~inside][0]} is outside the prediction space {space}"
            )
        return values


class ActivePerceptionEnv(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """One of our environments, with predictions.

    The info of a step has, beside what the environment tells, `base_reward` and `prediction`, a
    dictionary of `target`, `loss` and `metrics`, which is empty.

    Args:
        env: with one of our ids; wrappers that change its actions do not go below this one.

    Attributes:
        action_space: Dict of `action`, the control's `turn_space` (Discrete(4) camera moves or Box
            (2,) of turns), and `prediction`: logits float32 (K,), in view prediction the image
            float32 (H, W, 3) in [0, 1].
        prediction_target_space: the right answer, Discrete(K), or the true query view.
        loss_fn: a `PredictionLoss`.

    Raises:
        UserError: for another environment.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        RecordConstructorArgs.__init__(self)
        gymnasium.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, SceneEnv):
            raise UserError(f"env is {env}, expected one of the ids in envs.ENV_IDS")
        _announce()
        self._predictions = Predictions(env.unwrapped.rows)
        self.action_space = self._predictions.action_space
        self.prediction_target_space = self._predictions.target_space
        self.loss_fn = self._predictions.loss_fn

    @property
    def prediction_space(self) -> spaces.Space[Any]:
        return self._predictions.action_space["prediction"]

    @property
    def inner_action_space(self) -> spaces.Space[Any]:
        return self._predictions.action_space["action"]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; the info says what is to be predicted, as that of a step does."""
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, info | {"prediction": {"target": self._predictions.targets()[0]}}

    def step(self, action: dict[str, Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move the camera and predict."""
        given = np.asarray(action["prediction"])[None]
        targets, finishing = self._predictions.targets(), self._predictions.finishing
        command = self._predictions.commands(np.asarray(action["action"])[None], given)[0]
        observation, reward, terminated, truncated, info = self.env.step(command)
        base, loss = self._predictions.charge(
            np.array([reward], np.float64), given, targets, finishing, np.ones(1, dtype=bool)
        )
        info["base_reward"] = float(base[0])
        info["prediction"] = {"target": targets[0], "loss": loss[0], "metrics": {}}
        return observation, float(base[0] - loss[0]), terminated, truncated, info


class ActivePerceptionVectorEnv(VectorWrapper):
    """Many rows with predictions; see `ActivePerceptionEnv`, whose row i this repeats.

    Targets and losses in the info are those of the predictions that the step received, also where
    a row begins anew in the same step (SAME_STEP); rows that only begin (NEXT_STEP) have a loss and
    a reward of 0.

    Args:
        env: of `gymnasium.make_vec` with one of our ids.

    Raises:
        UserError: for another environment.
    """

    def __init__(self, env: gymnasium.vector.VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        if not isinstance(env.unwrapped, SceneVectorEnv):
            raise UserError(f"env is {env}, expected one of the ids in envs.ENV_IDS")
        _announce()
        self._predictions = Predictions(env.unwrapped)
        self._waits = np.zeros(env.num_envs, dtype=bool)
        self._mode = env.unwrapped.autoreset_mode
        self.single_action_space = self._predictions.action_space
        self.action_space = batch_space(self.single_action_space, env.num_envs)
        self.single_prediction_target_space = self._predictions.target_space
        self.prediction_target_space = batch_space(self._predictions.target_space, env.num_envs)
        self.loss_fn = self._predictions.loss_fn

    @property
    def single_prediction_space(self) -> spaces.Space[Any]:
        return self._predictions.action_space["prediction"]

    @property
    def single_inner_action_space(self) -> spaces.Space[Any]:
        return self._predictions.action_space["action"]

    @property
    def prediction_space(self) -> spaces.Space[Any]:
        return batch_space(self.single_prediction_space, self.num_envs)

    @property
    def inner_action_space(self) -> spaces.Space[Any]:
        return batch_space(self.single_inner_action_space, self.num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes; see `SceneVectorEnv.reset`."""
        mask = (options or {}).get("reset_mask", True)
        observation, info = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._waits = self._waits & ~np.asarray(mask, dtype=bool)
        return observation, info | {"prediction": {"target": self._predictions.targets()}}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[Any, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Move the cameras and predict."""
        given, live = actions["prediction"], ~self._waits
        targets, finishing = self._predictions.targets(), self._predictions.finishing
        commands = self._predictions.commands(actions["action"], given)
        observation, rewards, terminated, truncated, info = self.env.step(commands)
        base, loss = self._predictions.charge(rewards, given, targets, finishing, live)
        info["base_reward"] = base
        info["prediction"] = {"target": targets, "loss": loss, "metrics": {}}
        if self._mode == AutoresetMode.NEXT_STEP:
            self._waits = terminated | truncated
        return observation, base - loss, terminated, truncated, info


def make(env_id: str = "envs:GQNShepard-v0", **arguments: Any) -> ActivePerceptionEnv:
    """An environment by its id; `gymnasium.make` gets the arguments."""
    return ActivePerceptionEnv(gymnasium.make(env_id, **arguments))


def make_vec(
    env_id: str = "envs:GQNShepard-v0", num_envs: int = 1, **arguments: Any
) -> ActivePerceptionVectorEnv:
    """Many rows of an environment by its id; `gymnasium.make_vec` gets the arguments."""
    return ActivePerceptionVectorEnv(gymnasium.make_vec(env_id, num_envs=num_envs, **arguments))


def _announce() -> None:
    """Tell ap_gym, where it is in use, that the wrappers are environments of its kind."""
    library = sys.modules.get("ap_gym")
    if library is not None:
        library.BaseActivePerceptionEnv.register(ActivePerceptionEnv)
        library.BaseActivePerceptionVectorEnv.register(ActivePerceptionVectorEnv)
