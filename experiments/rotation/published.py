"""Published numbers on these shapes, to be shown beside ours; none was measured here."""

from __future__ import annotations

PUBLISHED = {
    "Siamese ResNet-18": "51.8 %",
    "the same with a curriculum, to 180 degrees": "56.7 %",
    "equivariant encoder with actions": "96.1 to 96.4 %",
    "people": "91.1 %",
    "people who may rotate the object": "95.3 %",
}
"""Accuracy in depth by name: Khazoum et al., 2025 (the shapes of
github.com/BRAIN-Aalto/deep-mental-rotation), with white cubes with black edges from farther away;
there half of the pairs were mirror images too."""
