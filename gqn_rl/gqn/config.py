"""Configurations of networks: frozen, comparable and plain JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from typing_extensions import Self

from gqn_rl.errors import UserError

DEFAULT_WEIGHTS = "base"
"""The shipped weights that predict best, loaded where no others are named."""
ENCODER_WEIGHTS = "small"
"""Those of the encoder "gqn", on whose representation the shipped agents were trained."""
NEW_NAMES = {"evidence_channels": "aggregate_channels"}
"""Name of a field in older files to its name now."""


@dataclass(frozen=True)
class Config:
    """Sizes of a network; every family has its own.

    Attributes:
        family: a name in `gqn_rl.gqn.families`, or the `module:Class` of the network.
        retired: keys of older files that say nothing any more and are not read.
        image_size: height and width of the images, in pixels.
    """

    family: ClassVar[str]
    retired: ClassVar[frozenset[str]] = frozenset()

    image_size: int = 64

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "configuration") -> Self:
        """Inverse of `to_dict`, of older files too; a key that never belonged is refused."""
        known = {k: value for k, value in values.items() if k not in cls.retired}
        try:
            return cls(**{NEW_NAMES.get(name, name): value for name, value in known.items()})
        except TypeError as error:
            raise UserError(f"{source} does not fit {cls.__name__}: {error}") from error

    def require_at_least(self, least: int, *names: str) -> None:
        """Refuse fields below `least`."""
        for name in names:
            value = getattr(self, name)
            if value < least:
                raise UserError(f"{name} is {value}, expected at least {least}")
