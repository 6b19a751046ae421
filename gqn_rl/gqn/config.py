"""What the configurations of all families share: they are frozen, comparable and plain JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from typing_extensions import Self

from gqn_rl.errors import UserError

NEW_NAMES = {"evidence_channels": "aggregate_channels"}
"""What fields were called in older files to what they are called now."""


@dataclass(frozen=True)
class Config:
    """Sizes of a network; every family has its own.

    Attributes:
        image_size: height and width of the images, in pixels.
    """

    image_size: int = 64

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "configuration") -> Self:
        """Inverse of `to_dict`; a key that does not belong is refused, an older name is read."""
        try:
            return cls(**{NEW_NAMES.get(name, name): value for name, value in values.items()})
        except TypeError as error:
            raise UserError(f"{source} does not fit {cls.__name__}: {error}") from error

    def require_at_least(self, least: int, *names: str) -> None:
        """Refuse fields below `least`."""
        for name in names:
            value = getattr(self, name)
            if value < least:
                raise UserError(f"{name} is {value}, expected at least {least}")
