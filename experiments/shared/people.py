"""People's results in mental rotation, for figures that show agents beside them."""

from __future__ import annotations

from typing import NamedTuple


class ShepardMetzlerLine(NamedTuple):
    """What eight people took for pairs rotated in depth, and how often they were wrong.

    Attributes:
        seconds_at_0, seconds_at_180: mean time to say "same", by the angle between the objects;
            linear between them. The text gives "about 1 second" for the first, the second is read
            off figure 2B, to about a tenth of a second.
        fastest_at_180, slowest_at_180: the range of the eight people's own means there.
        error_rate: over all pairs.
    """

    seconds_at_0: float
    seconds_at_180: float
    fastest_at_180: float
    slowest_at_180: float
    error_rate: float


# Not checked against a copy of the paper.
SHEPARD_METZLER = ShepardMetzlerLine(1.0, 4.6, 4.0, 6.0, 0.032)
"""Shepard and Metzler, Mental Rotation of Three-Dimensional Objects, Science 171:701-703, 1971."""
