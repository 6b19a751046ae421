"""The protocol of what can be saved while it runs and taken up again to the bit."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray


@runtime_checkable
class Restorable(Protocol):
    """An environment, a memory of observations, or anything else with a state of arrays."""

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All that what it does next depends on, as named arrays."""
        ...

    def restore(self, snapshot: dict[str, NDArray[Any]]) -> None:
        """Inverse of `snapshot`, for one made alike."""
        ...
