"""The hyperparameters of Stable-Baselines3's PPO in the terms of RLlib's PPO.

Each key is either translated or listed as left out; none can be lost on the way. Ray is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.hyperparameter_values import RULES, checked
from gqn_rl.errors import UserError

SAME = {
    "gamma": "gamma",
    "gae_lambda": "lambda_",
    "n_epochs": "num_epochs",
    "ent_coef": "entropy_coeff",
    "vf_coef": "vf_loss_coeff",
    "max_grad_norm": "grad_clip",
}
"""Keys whose value is taken as it is."""
STABLE_BASELINES3 = {
    # PPO as the paper has it, and as Stable-Baselines3 does: no second penalty on the change of
    # the policy, no bound on the error of the value.
    "use_kl_loss": False,
    "vf_clip_param": math.inf,
    "grad_clip_by": "global_norm",
}
"""Where RLlib's defaults are another algorithm."""
SCENE_HIDDEN = (512, 256)
"""What `agents.policies.features.SceneFeatures` has where the file says nothing."""
RUN = ("n_timesteps", "num_envs", "n_steps", "batch_size")
"""Keys of the run and its batches: read by name, see `Translation`."""
EXTRACTOR = "policy_kwargs.features_extractor_class"
HIDDEN = "policy_kwargs.features_extractor_kwargs.hidden"
NET_ARCH = "policy_kwargs.net_arch"


@dataclass(frozen=True)
class Translation:
    """PPO's settings as RLlib calls them.

    Attributes:
        training: arguments of `PPOConfig.training`, save for batch sizes.
        model: arguments of `DefaultModelConfig`.
        steps: environment steps in all, unless the command says otherwise.
        num_envs: environments side by side, on all env runners together.
        n_steps: steps of each environment between two updates.
        batch_size: steps in a minibatch, of all learners together.
        left_out: keys without a counterpart, dotted.
    """

    training: dict[str, Any]
    model: dict[str, Any]
    steps: int
    num_envs: int
    n_steps: int
    batch_size: int
    left_out: tuple[str, ...]

    def note(self) -> str:
        """What is not taken over, in one line; empty where all is."""
        if not self.left_out:
            return ""
        return f"without a counterpart in RLlib's PPO, left out: {', '.join(self.left_out)}"


def translate(hyperparameters: dict[str, Any], steps: int | None = None) -> Translation:
    """From what `agents.factory.load_hyperparameters("ppo", ...)` returns.

    Args:
        steps: over which a learning rate "lin_x" falls to 0; by default the file's `n_timesteps`.

    Raises:
        UserError: for a value that RLlib cannot take, naming it.
    """
    left = dict(flat(checked(hyperparameters, RULES)))
    numbers = {name: int(left.pop(name)) for name in RUN}
    steps = steps or numbers["n_timesteps"]
    training = STABLE_BASELINES3 | {new: left.pop(old) for old, new in SAME.items() if old in left}
    training["lr"] = learning_rate(left.pop("learning_rate"), steps)
    if "clip_range" in left:
        training["clip_param"] = clip_parameter(left.pop("clip_range"))
    model = network(left)
    drop_what_changes_nothing(left)
    return Translation(
        training=training,
        model=model,
        steps=steps,
        num_envs=numbers["num_envs"],
        n_steps=numbers["n_steps"],
        batch_size=numbers["batch_size"],
        left_out=tuple(sorted(left)),
    )


def flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as dotted names and values."""
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def learning_rate(value: float | str, steps: int) -> float | list[list[float]]:
    """A number, or "lin_x" as RLlib's schedule from x at step 0 to 0 at step `steps`."""
    if isinstance(value, str):
        kind, _, number = value.partition("_")
        try:
            initial = float(number)
        except ValueError:
            initial = math.nan
        if kind != "lin" or not initial > 0:
            raise UserError(f"learning_rate is {value!r}, expected a number or 'lin_<number>'")
        return [[0, initial], [steps, 0.0]]
    return float(value)


def clip_parameter(value: float | str) -> float:
    """RLlib's PPO has a constant one only."""
    if isinstance(value, str):
        raise UserError(f"clip_range is {value!r}, but RLlib's PPO takes a constant number only")
    return float(value)


def network(left: dict[str, Any]) -> dict[str, Any]:
    """One encoder for actor and critic, as `SceneFeatures` is, and a head for each.

    Takes what it translates out of `left`. RLlib's two heads have one shape: that of the actor.
    """
    actor, critic = left.pop(f"{NET_ARCH}.pi", None), left.get(f"{NET_ARCH}.vf")
    if actor is None:
        actor = left.pop(NET_ARCH, [64, 64])  # one list for both, or Stable-Baselines3's default
    if critic == actor:
        del left[f"{NET_ARCH}.vf"]
    activation = left.pop("policy_kwargs.activation_fn", "tanh")
    hidden = left.pop(HIDDEN, SCENE_HIDDEN)
    if left.get(EXTRACTOR) == "scene":
        del left[EXTRACTOR]
    return {
        "fcnet_hiddens": list(hidden),
        "fcnet_activation": "silu",
        "fcnet_use_layernorm": True,
        "head_fcnet_hiddens": list(actor),
        "head_fcnet_activation": activation,
        "vf_share_layers": True,
    }


def drop_what_changes_nothing(left: dict[str, Any]) -> None:
    """Remove keys that say what RLlib does anyway, and one that only says when they count."""
    left.pop("for_any_observation", None)
    if not left.get("aux_coef"):
        for name in [name for name in left if name.startswith("aux_")]:
            del left[name]
    as_it_is = {
        "encoder": None,
        "policy": "MultiInputPolicy",
        "policy_kwargs.ortho_init": False,
        "policy_kwargs.features_extractor_kwargs.dropout": 0.0,
        "policy_kwargs.features_extractor_kwargs.products": False,
        "policy_kwargs.features_extractor_kwargs.compare": False,
    }
    for name, value in as_it_is.items():
        if name in left and left[name] == value:
            del left[name]
