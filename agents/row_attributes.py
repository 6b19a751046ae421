"""The attributes and methods of the rows of a Gymnasium vector environment, as far as it has any.

`SyncVectorEnv` has its rows in a list, `AsyncVectorEnv` in processes; the rows of a native vector
environment are one object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import gymnasium
from gymnasium.vector import VectorEnv, VectorWrapper
from stable_baselines3.common.env_util import is_wrapped

from gqn_rl.errors import UserError

Rows = Sequence[int]
NEVER_CALLED = ("reset", "step", "close")
"""Methods of rows that a vector environment calls itself."""


class RowAttributes(ABC):
    """Attributes by name; `AttributeError` for one that is not there, and nothing has changed."""

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether every row has it."""

    @abstractmethod
    def get(self, name: str, rows: Rows) -> list[Any]:
        """Its value in each of the rows."""

    @abstractmethod
    def set(self, name: str, value: Any, rows: Rows) -> None:
        """Give it a value in the rows, whether or not they had it."""

    @abstractmethod
    def call(self, name: str, rows: Rows, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """What the method of each of the rows returns."""

    @abstractmethod
    def is_wrapped(self, wrapper: type[gymnasium.Wrapper], rows: Rows) -> list[bool]:
        """Whether each of the rows is inside such a wrapper."""


class ListedRows(RowAttributes):
    """Rows that are environments in this process."""

    def __init__(self, envs: Sequence[gymnasium.Env]) -> None:
        self._envs = envs

    def has(self, name: str) -> bool:
        return all(env.has_wrapper_attr(name) for env in self._envs)

    def get(self, name: str, rows: Rows) -> list[Any]:
        return [self._envs[row].get_wrapper_attr(name) for row in rows]

    def set(self, name: str, value: Any, rows: Rows) -> None:
        for row in rows:
            self._envs[row].set_wrapper_attr(name, value)

    def call(self, name: str, rows: Rows, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        return [method(*args, **kwargs) for method in self.get(name, rows)]

    def is_wrapped(self, wrapper: type[gymnasium.Wrapper], rows: Rows) -> list[bool]:
        return [is_wrapped(self._envs[row], wrapper) for row in rows]


class RowsInWorkers(RowAttributes):
    """Rows that are environments in processes, which are only ever asked all at once.

    A worker ends when it is asked for what its environment does not have: it is asked whether there
    is such a thing first.
    """

    def __init__(self, venv: CallsRows) -> None:
        self._venv = venv

    def has(self, name: str) -> bool:
        return all(self._venv.call("has_wrapper_attr", name))

    def get(self, name: str, rows: Rows) -> list[Any]:
        self._require(name)
        values = self._venv.call(name)
        return [values[row] for row in rows]

    def set(self, name: str, value: Any, rows: Rows) -> None:
        if sorted(rows) == list(range(self._venv.num_envs)):
            values = [value] * self._venv.num_envs
        else:
            values = self.get(name, range(self._venv.num_envs))
            for row in rows:
                values[row] = value
        self._venv.set_attr(name, values)

    def call(self, name: str, rows: Rows, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        self._require(name)
        require_all(f"method {name!r}", rows, self._venv.num_envs)
        return list(self._venv.call(name, *args, **kwargs))

    def is_wrapped(self, wrapper: type[gymnasium.Wrapper], rows: Rows) -> list[bool]:
        raise UserError(
            f"whether rows are in a {wrapper.__name__} cannot be asked of other processes; "
            f"SyncVectorEnv can tell"
        )

    def _require(self, name: str) -> None:
        if name in NEVER_CALLED:
            raise UserError(f"{name!r} of rows in other processes is not to be called by others")
        if not self.has(name):
            raise AttributeError(f"the rows have no attribute {name!r}")


class RowsInOne(RowAttributes):
    """Rows of a native vector environment: all that it has, and its wrappers have, is shared."""

    def __init__(self, venv: VectorEnv) -> None:
        self._venv = venv

    def has(self, name: str) -> bool:
        return any(hasattr(layer, name) for layer in self._layers())

    def get(self, name: str, rows: Rows) -> list[Any]:
        value = getattr(self._owner(name), name)
        return [value for _ in rows]

    def set(self, name: str, value: Any, rows: Rows) -> None:
        require_all(f"attribute {name!r}", rows, self._venv.num_envs)
        setattr(self._owner(name), name, value)

    def call(self, name: str, rows: Rows, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        require_all(f"method {name!r}", rows, self._venv.num_envs)
        result = getattr(self._owner(name), name)(*args, **kwargs)
        return [result for _ in rows]

    def is_wrapped(self, wrapper: type[gymnasium.Wrapper], rows: Rows) -> list[bool]:
        return [False for _ in rows]

    def _owner(self, name: str) -> VectorEnv:
        """The outermost layer that has it; the environment itself if none has."""
        return next((x for x in self._layers() if hasattr(x, name)), self._venv.unwrapped)

    def _layers(self) -> Iterator[VectorEnv]:
        layer = self._venv
        while isinstance(layer, VectorWrapper):
            yield layer
            layer = layer.env
        yield layer


@runtime_checkable
class ListsRows(Protocol):
    """A vector environment such as `SyncVectorEnv`."""

    envs: Sequence[gymnasium.Env]


@runtime_checkable
class CallsRows(Protocol):
    """A vector environment such as `AsyncVectorEnv`."""

    num_envs: int

    def call(self, name: str, *args: Any, **kwargs: Any) -> Sequence[Any]:
        """What each row's method returns, or its attribute is."""
        ...

    def set_attr(self, name: str, values: list[Any]) -> None:
        """Give each row's attribute a value."""
        ...


def row_attributes(venv: VectorEnv) -> RowAttributes:
    """Those of a vector environment, whatever is wrapped around it."""
    inside: Any = venv.unwrapped
    if isinstance(inside, ListsRows):
        return ListedRows(inside.envs)
    if isinstance(inside, CallsRows):
        return RowsInWorkers(inside)
    return RowsInOne(venv)


def require_all(what: str, rows: Rows, num_envs: int) -> None:
    """Refuse a part of the rows.

    Raises:
        UserError: a ValueError, for less than all.
    """
    if sorted(rows) != list(range(num_envs)):
        raise UserError(f"{what} is shared by all {num_envs} rows, received rows {list(rows)}")
