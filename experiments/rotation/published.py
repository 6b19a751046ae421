"""Published numbers on these shapes, to be shown beside ours; none was measured here."""

from __future__ import annotations

SOURCE = "Khazoum et al. (2025), white cubes with black edges from farther away"
PUBLISHED = {
    "depth": {
        "Siamese ResNet-18": "51.8 %",
        "the same with a curriculum, to 180 degrees": "56.7 %",
        "equivariant encoder with actions": "96.1 to 96.4 %",
        "people": "91.1 %",
        "people who may rotate the object": "95.3 %",
    }
}
"""Accuracy by rotation and name: Khazoum et al., 2025 (the shapes of
github.com/BRAIN-Aalto/deep-mental-rotation); there half of the pairs were mirror images too. What
was published on the picture plane could not be checked, and is not shown."""
