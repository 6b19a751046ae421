"""TorchRL's environments, single and batched, record episodes that follow the rules."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from envs import ENV_IDS
from envs.scene_vector_env import LOOK_COST

pytestmark = pytest.mark.client("torchrl")

STEPS = 40


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def check_recognition(steps: Any) -> None:
    """Rewards and final observations of a rollout with random actions, batch (..., T)."""
    after = steps["next"]
    done, reward = after["done"].squeeze(-1), after["reward"].squeeze(-1)
    assert done.any()
    assert not done.all()
    assert torch.allclose(reward[~done], torch.tensor(-LOOK_COST))
    assert torch.isclose(reward[done].abs(), torch.tensor(1.0)).all()
    flat = "observation" in steps
    # No action that ends an episode takes a look: the observation stays what it was.
    for key in ["observation"] if flat else ["representation", "viewpoint", "looks_left"]:
        assert torch.equal(after[key][done], steps[key][done])
    looks_left = steps["observation" if flat else "looks_left"][..., 0]
    begins = done[..., :-1]
    assert (looks_left[..., 1:][begins] == 1.0).all()
    assert (looks_left[..., 1:][~begins] < 1.0).all()


@pytest.mark.parametrize("arguments", [{}, {"flatten": True}])
@pytest.mark.parametrize("env_id", ENV_IDS)
def test_specs_agree_with_what_comes(env_id, arguments):
    from torchrl.envs import GymEnv, check_env_specs

    env = GymEnv(f"envs:{env_id}", **arguments)
    check_env_specs(env, seed=0)
    env.close()


def test_other_observations_and_pictures_have_specs():
    from torchrl.envs import GymEnv, check_env_specs

    for arguments in ({"observation": "pixels"}, {"observation": "state"}):
        env = GymEnv("envs:GQNShepard-v0", **arguments)
        check_env_specs(env, seed=0)
        env.close()
    env = GymEnv("envs:GQNShepard-v0", from_pixels=True, pixels_only=False)
    assert env.rollout(1)["pixels"].unique().numel() > 10  # what `render` draws
    env.close()


def test_a_rollout_follows_the_rules():
    from torchrl.envs import GymEnv

    env = GymEnv("envs:GQNShepard-v0")
    env.set_seed(0)
    check_recognition(env.rollout(STEPS, break_when_any_done=False))
    env.close()


@pytest.mark.parametrize(("mode", "flatten"), [("Disabled", False), ("SameStep", True)])
def test_the_native_vector_environment_can_be_wrapped(mode, flatten):
    """SAME_STEP needs `flatten`: TorchRL looks for final observations under one key only."""
    from torchrl.envs import GymWrapper, check_env_specs

    # One for each, because TorchRL's first reset after steps in SAME_STEP shows old observations.
    checked, played = (
        GymWrapper(
            gymnasium.make_vec(
                "envs:GQNShepard-v0", num_envs=4, autoreset_mode=mode, flatten=flatten
            )
        )
        for _ in range(2)
    )
    check_env_specs(checked, seed=0)
    steps = played.rollout(STEPS, break_when_any_done=False)
    assert steps.batch_size == (4, STEPS)
    check_recognition(steps)
    checked.close()
    played.close()


def test_gymnasiums_default_autoreset_mode_is_refused_by_torchrl():
    """When this fails, docs/clients.md can be shorter."""
    from torchrl.envs import GymWrapper

    venv = gymnasium.make_vec("envs:GQNShepard-v0", num_envs=2, observation="state")
    with pytest.raises(RuntimeError, match="must be one of SAME_STEP or DISABLED"):
        GymWrapper(venv)
    venv.close()


def test_a_collector_gathers_batches_for_a_policy():
    from tensordict.nn import TensorDictModule
    from torch import nn
    from torchrl.collectors import Collector
    from torchrl.envs import GymEnv
    from torchrl.modules import OneHotCategorical, ProbabilisticActor

    env = GymEnv("envs:GQNShepard-v0")
    size = env.observation_spec["representation"].shape[-1]
    logits = nn.Linear(size, env.action_spec.shape[-1])
    policy = ProbabilisticActor(
        TensorDictModule(logits, in_keys=["representation"], out_keys=["logits"]),
        in_keys=["logits"],
        spec=env.action_spec,
        distribution_class=OneHotCategorical,
    )
    env.close()
    collector = Collector(
        lambda: GymEnv("envs:GQNShepard-v0"), policy, frames_per_batch=32, total_frames=64
    )
    batches = list(collector)
    collector.shutdown()
    assert [len(batch) for batch in batches] == [32, 32]
    assert np.unique(torch.cat([b["action"] for b in batches]).argmax(-1)).size > 3


def test_parallel_workers_record_episodes():
    from torchrl.envs import GymEnv, ParallelEnv

    env = ParallelEnv(2, partial(GymEnv, "envs:GQNShepard-v0"))
    try:
        check_recognition(env.rollout(STEPS, break_when_any_done=False))
    finally:
        env.close()
