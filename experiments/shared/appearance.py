"""The flag that says what objects look like, for every command that draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from experiments.shared.changes import parse_changes
from gqn_rl.rendering import Appearance


@dataclass(frozen=True, kw_only=True)
class AppearanceFlags:
    """What objects look like.

    >>> AppearanceFlags(appearance=("colours=grey", "edges=true")).look()
    {'colours': 'grey', 'edges': True}
    """

    appearance: tuple[str, ...] | None = None
    """How objects look: any of colours=random|uniform|grey, edges=true|false,
    background=black|white, ambient=0.6 and diffuse=0.35; by default DeepMind's look, the only one
    that shipped encoders know."""

    def look(self) -> dict[str, Any] | None:
        """Attributes of `gqn_rl.rendering.Appearance` by name; None for the default one.

        Raises:
            UserError: for what is not of the form name=value, or is no appearance.
        """
        if self.appearance is None:
            return None
        look = parse_changes(self.appearance, "appearance")
        Appearance.of(look)
        return look
