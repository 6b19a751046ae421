"""The one implementation of the environments, for any number of rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import error, logger
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.camera_control import NO_ANSWER, Commands, make_control
from envs.observers import make_observer
from envs.scene_rows import Observation, SceneRows
from envs.seeding import RowGenerators
from envs.tasks import Task, Trials, make_task
from gqn_rl.encoders import SceneEncoder
from gqn_rl.errors import UserError, unknown_name
from gqn_rl.rendering import Renderer, make_renderer
from gqn_rl.scene import SceneBatch
from gqn_rl.viewpoint import Viewpoints

Infos = dict[str, Any]

RIGHT, WRONG = 1.0, -1.0
LOOK_COST = 0.02
RENDER_MODES = ("rgb_array",)


class SceneVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """A camera on a sphere around an object; look as long as it pays, then answer.

    An episode shows one scene. Its first view comes with the reset and is look 1; every camera
    move is one more look, at a cost of 0.02. An answer ends the episode with +1 if it is right and
    -1 if it is wrong. After `max_looks` looks an answer is still possible, but a further move ends
    the episode with -1. That is a termination, not a truncation: the budget is part of the task
    and the agent sees what is left of it.

    No action that ends an episode needs a new image, so a step makes one render call and one
    encoder call for all rows, and the final observation is the last one seen.

    Observation, a Dict:
        representation: float32 (F,), the encoder's standardised aggregate of the views so far,
            clipped to 10 standard deviations; for observation="pixels" instead
            image: uint8 (H, W, 3), the current view, and for observation="state"
            state: float32 (P * 6,), cube centres and colours, see `envs.observers.StateObserver`.
        viewpoint: float32 (7,), the current pose as encoded by `Viewpoints.encode`.
        looks_left: float32 (1,), the fraction of the camera moves not yet used: 1 after the
            reset, 0 when `max_looks` looks have been taken.
        cue: float32 (C,), where the task has one.

    Info: `is_success` (the episode ended with the right answer), `target`, `answer` (-1 while
    there is none) and `looks`, with Gymnasium's `_key` masks.

    Row i of an environment reset with seed s has the scenes, images, rewards and ends of a single
    environment reset with seed s + i, to the bit.

    Args:
        num_envs: rows.
        task: a name in `envs.tasks.TASKS`.
        control: a name in `envs.camera_control.CONTROLS`.
        observation: "representation", "pixels" or "state".
        encoder: a name in `gqn_rl.encoders.ENCODERS`, the path of a checkpoint, or an encoder.
            Not used, and not loaded, for observations other than "representation".
        renderer: "pybullet" or "raycast".
        image_size: height and width of the views in pixels.
        num_cubes: cubes per object.
        max_looks: images per episode, the first one included.
        shapes: "train" or "test" (never shown in GQN pre-training); "all" for sizes too small to
            hold shapes out.
        orientation: "grid" (one of the 24 grid rotations) or "free" (times a random yaw).
        device: "auto", "cpu", "cuda" or another PyTorch device.
        render_mode: None or "rgb_array".
        autoreset_mode: an AutoresetMode or its value, "NextStep", "SameStep" or "Disabled".
        task_options: what else the task takes; recognition: gallery_size=10.

    Raises:
        UserError: a ValueError with one clear line, for an argument that is not one of these.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": 2}  # noqa: RUF012

    def __init__(
        self,
        num_envs: int = 1,
        *,
        task: str = "recognition",
        control: str = "discrete",
        observation: str = "representation",
        encoder: str | Path | SceneEncoder[Any] = "gqn",
        renderer: str = "pybullet",
        image_size: int = 64,
        num_cubes: int = 7,
        max_looks: int = 12,
        shapes: str = "train",
        orientation: str = "grid",
        device: str = "auto",
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **task_options: Any,
    ) -> None:
        self.closed = True  # until there is something to close
        for name, value in (("num_envs", num_envs), ("max_looks", max_looks)):
            if value < 1:
                raise UserError(f"{name} is {value}, expected at least 1")
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise unknown_name("render_mode", render_mode, RENDER_MODES)
        self.num_envs, self.max_looks, self.render_mode = num_envs, max_looks, render_mode
        self._autoreset = _autoreset_mode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self._autoreset}

        built_task = make_task(
            task, num_cubes=num_cubes, shapes=shapes, orientation=orientation, **task_options
        )
        self._control = make_control(control, built_task.num_answers)
        built_renderer = make_renderer(renderer, image_size, **_device_option(renderer, device))
        built_observer = make_observer(
            observation,
            n=num_envs,
            num_cubes=num_cubes,
            renderer=built_renderer,
            encoder=encoder,
            device=device,
        )
        self._rows = SceneRows(num_envs, built_task, built_renderer, built_observer, max_looks)
        self.single_observation_space = self._rows.observation_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.single_action_space = self._control.action_space
        self.action_space = batch_space(self.single_action_space, num_envs)

        self._generators = RowGenerators(num_envs)
        self._ended = np.zeros(num_envs, dtype=bool)
        self._answers = np.full(num_envs, NO_ANSWER, dtype=np.int64)
        self._success = np.zeros(num_envs, dtype=bool)
        self.closed = False

    # What is going on, for baselines and pictures.

    @property
    def task(self) -> Task:
        return self._rows.task

    @property
    def encoder(self) -> SceneEncoder[Any] | None:
        """The encoder; None for observations that need none."""
        return self._rows.observer.encoder

    @property
    def renderer(self) -> Renderer:
        return self._rows.renderer

    @property
    def scenes(self) -> SceneBatch:
        """The current scenes, one per row."""
        return self._rows.trials.scenes

    @property
    def targets(self) -> NDArray[np.int64]:
        """The right answers, int64 (num_envs,)."""
        return self._rows.trials.target.copy()

    @property
    def viewpoints(self) -> Viewpoints:
        """The current poses, one per row."""
        return self._rows.viewpoints

    @property
    def images(self) -> NDArray[np.uint8]:
        """The current views, uint8 (num_envs, H, W, 3)."""
        return self._rows.images

    @property  # type: ignore[misc]
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]
        """One generator per row."""
        return self._generators.all()

    @property
    def np_random_seed(self) -> tuple[int | None, ...]:  # type: ignore[override]
        """The seed of each row's generator."""
        return self._generators.seeds()

    # Gymnasium's interface.

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, Infos]:
        """Begin an episode in every row.

        Args:
            seed: s gives row i the seed s + i; a sequence gives one per row; None goes on with
                the generators there are.
            options: a "reset_mask" may only be all True: an encoder's state covers all rows, and
                takes one view of each at a time.
        """
        self._require_open("reset")
        mask = np.asarray((options or {}).get("reset_mask", True), dtype=bool)
        if not mask.all():
            raise UserError(f"reset_mask is {mask.tolist()}, expected every row to be reset")
        self._generators.seed(seed)
        everything = np.ones(self.num_envs, dtype=bool)
        self._begin(everything)
        self._rows.look(everything)
        return self._rows.observe(), self._infos(everything)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """One action per row; rows that NEXT_STEP is about to reset ignore theirs.

        Raises:
            UserError: for an action outside the space; nothing has changed then.
        """
        self._require_open("step")
        trials = self._rows.trials
        if self._autoreset == AutoresetMode.DISABLED and self._ended.any():
            raise error.ResetNeeded("step() called after the end of an episode; call reset()")
        commands = self._control.read(actions, self.num_envs)

        live = ~self._ended
        answering = live & (commands.answer != NO_ANSWER)
        exhausted = live & ~answering & (self._rows.looks == self.max_looks)
        moving = live & ~answering & ~exhausted
        over = answering | exhausted
        rewards = self._settle(trials, commands, over) - LOOK_COST * moving

        everything, infos = np.ones(self.num_envs, dtype=bool), {}
        if self._autoreset == AutoresetMode.SAME_STEP:
            if over.any():
                infos = self._final_infos(over)
            beginning, self._ended = over, np.zeros_like(over)
        else:
            beginning, self._ended = ~live, over
        self._rows.turn(moving, commands.turn)
        self._begin(beginning)
        self._rows.look(moving | beginning)
        infos |= self._infos(everything)
        return self._rows.observe(), rewards, over.copy(), np.zeros_like(over), infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """One picture per row, see `envs.picture`; None when render_mode is None."""
        if self.render_mode is None:
            logger.warn("render() needs render_mode='rgb_array' at construction")
            return None
        self._require_open("render")
        return self._rows.frames()

    def close_extras(self, **kwargs: Any) -> None:
        """Free the renderer; called once by `close`."""
        self._rows.renderer.close()

    # The pieces of a step.

    def _require_open(self, method: str) -> None:
        if self.closed:
            raise error.ClosedEnvironmentError(f"{method}() called on a closed environment")

    def _settle(
        self, trials: Trials, commands: Commands, over: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Note the answers of the episodes that end here; their rewards, 0 elsewhere."""
        self._answers = np.where(over, commands.answer, self._answers)
        right = self.task.score(trials, commands.answer) & over
        self._success = np.where(over, right, self._success)
        return np.where(over, np.where(right, RIGHT, WRONG), 0.0)

    def _begin(self, mask: NDArray[np.bool_]) -> None:
        self._rows.begin(mask, self._generators)
        self._ended = self._ended & ~mask
        self._answers = np.where(mask, NO_ANSWER, self._answers)
        self._success = self._success & ~mask

    def _infos(self, mask: NDArray[np.bool_]) -> Infos:
        """What is known of the rows of `mask`, laid out as Gymnasium's vector environments do."""
        values = {
            "is_success": self._success,
            "target": self._rows.trials.target,
            "answer": self._answers,
            "looks": self._rows.looks,
        }
        infos: Infos = {}
        for key, value in values.items():
            infos[key] = np.where(mask, value, np.zeros_like(value))
            infos[f"_{key}"] = mask.copy()
        return infos

    def _final_infos(self, over: NDArray[np.bool_]) -> Infos:
        """The last observations and infos of the episodes that end in a SAME_STEP step."""
        observation = self._rows.observe()
        final = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(over):
            final[row] = {key: value[row].copy() for key, value in observation.items()}
        return {
            "final_obs": final,
            "_final_obs": over.copy(),
            "final_info": self._infos(over),
            "_final_info": over.copy(),
        }


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        raise unknown_name("autoreset_mode", mode, [m.value for m in AutoresetMode]) from None


def _device_option(renderer: str, device: str) -> dict[str, str]:
    """The renderer's share of `device`: only the ray caster draws on one."""
    if renderer != "raycast":
        return {}
    import torch

    if device == "auto":
        return {"device": "cuda" if torch.cuda.is_available() else "cpu"}
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as problem:
        reason = str(problem).splitlines()[0]
        raise UserError(f"device {device!r} cannot be used: {reason}") from problem
    return {"device": device}
