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
    given = {name: value for name, value in flags.arguments().items() if value is not None}
    return agent, environment_of(agent, num_envs, given, env_id, device=flags.device, **unrecorded)


def environment_of(
    agent: Agent,
    num_envs: int,
    changes: dict[str, Any],
    env_id: str | None = None,
    **unrecorded: Any,
) -> AgentEnvironment:
    """The environment that an agent learned in, with other arguments where there are changes.

    Args:
        env_id: of another environment, whose spaces have to be the same.

    Raises:
        UserError: for changes with which it is one that the agent cannot act in.
    """
    recorded, own = dict(agent.record.env_kwargs), agent.record.env_id
    if "renderer" in recorded and changes.get("renderer") is None:
        recorded["renderer"] = renderer_at_hand(recorded["renderer"])
    arguments = {**recorded, **changes}
    try:
        environment = make_environment(env_id or own, num_envs, arguments, **unrecorded)
        agent.require_environment(*environment.facts)
    except UserError as error:
        if env_id in (None, own):
            raise
        raise UserError(f"an agent trained on {own!r} does not fit {env_id!r}: {error}") from error
    return environment
