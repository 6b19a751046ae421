"""The spec of an environment as plain data."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

from gymnasium.envs.registration import EnvSpec


class PlainSpec:
    """An environment whose spec survives JSON: where its user gave a path, the spec has text.

    >>> import gymnasium
    >>> env = gymnasium.make("envs:GQNShepard-v0", observation="state", encoder=Path("gqn"))
    >>> env.spec.kwargs["encoder"], EnvSpec.from_json(env.spec.to_json()) == env.spec
    ('gqn', True)
    """

    _spec: EnvSpec | None = None

    @property
    def spec(self) -> Any:
        """What `gymnasium.make` was given; None for an environment made without it."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = copy(spec)
        if self._spec is not None:
            given = self._spec.kwargs.items()
            self._spec.kwargs = {k: str(v) if isinstance(v, Path) else v for k, v in given}
