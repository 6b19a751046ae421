"""The steps of the ladder of difficulty: settings of recognition, each harder than the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_INFORMATIVE = "most informative views"
COUNTED = (1, 2, 3, 4)
"""Numbers of views after which it is told how often the right shape is the likeliest."""
CONFUSABLE: dict[str, Any] = {"gallery": "confusable"}
SMALL = CONFUSABLE | {"image_size": 16}
TEN = SMALL | {"num_cubes": 10}
STEPS: Mapping[str, dict[str, Any]] = {
    "usual": {},
    "confusable": CONFUSABLE,
    "ten_cubes": CONFUSABLE | {"num_cubes": 10},
    "image_16": SMALL,
    "image_8": CONFUSABLE | {"image_size": 8},
    "noise_64": SMALL | {"pixel_noise": 64.0},
    "view_20": SMALL | {"field_of_view": 20.0},
    "view_5": SMALL | {"field_of_view": 5.0},
    "view_2": SMALL | {"field_of_view": 2.0},
    "view_1": SMALL | {"field_of_view": 1.0},
    "view_2_aimed": SMALL | {"field_of_view": 2.0, "aim": "free"},
    "view_1_aimed": SMALL | {"field_of_view": 1.0, "aim": "free"},
    "view_1_ten_cubes_aimed": TEN | {"field_of_view": 1.0, "aim": "free"},
    "view_2_ten_cubes": TEN | {"field_of_view": 2.0},
    "view_1_ten_cubes": TEN | {"field_of_view": 1.0},
}
"""Name to the arguments of `GQNShepard-v0` that make it; the last is `GQNShepardKeyhole-v0`."""
