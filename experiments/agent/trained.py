"""A trained agent in the environment that it learned in."""

from __future__ import annotations

from typing import Any

from agents.saving.bundle import Agent, load_bundle, shipped_agent
from envs import known_id
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.flags import AgentFlags
from gqn_rl.devices import choose_device
from gqn_rl.errors import UserError
from gqn_rl.rendering import renderer_at_hand


def agent_and_environment(
    flags: AgentFlags, num_envs: int, **unrecorded: Any
) -> tuple[Agent, AgentEnvironment]:
    """What the flags name.

    Args:
        unrecorded: see `make_environment`.

    Raises:
        UserError: where they do not fit, or one of them is not there.
    """
    env_id = known_id(flags.env_id)
    choose_device(flags.device)
    agent = load_bundle(flags.agent or shipped_agent(env_id), flags.device)
    if agent.record.env_id != env_id:
        raise UserError(
            f"agent {str(agent.path)!r} was trained on {agent.record.env_id!r}, "
            f"but --env-id is {env_id!r}"
        )
    given = {name: value for name, value in flags.arguments().items() if value is not None}
    return agent, environment_of(agent, num_envs, given, device=flags.device, **unrecorded)


def environment_of(
    agent: Agent, num_envs: int, changes: dict[str, Any], **unrecorded: Any
) -> AgentEnvironment:
    """The environment that an agent learned in, with other arguments where there are changes.

    Raises:
        UserError: for changes with which it is one that the agent has not learned in.
    """
    recorded = dict(agent.record.env_kwargs)
    if "renderer" in recorded and changes.get("renderer") is None:
        recorded["renderer"] = renderer_at_hand(recorded["renderer"])
    arguments = {**recorded, **changes}
    environment = make_environment(agent.record.env_id, num_envs, arguments, **unrecorded)
    agent.require_environment(*environment.facts)
    return environment
