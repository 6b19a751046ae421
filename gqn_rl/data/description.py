"""Descriptions of data sets on disk: scenes made here, or released by DeepMind."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import CAMERA_CONVENTION
from gqn_rl.scenes.scene import POSITIONS

DEEPMIND_CAMERA = (
    "as released by DeepMind, axes and unit not stated; x,y,z,cos(yaw),sin(yaw),cos(pitch),"
    "sin(pitch)"
)


@dataclass(frozen=True)
class DataDescription:
    """What the scenes of a synthetic data set are drawn from.

    >>> DataDescription(num_cubes=5, shapes="all").distribution
    SceneDistribution(num_cubes=5, shapes='all', free_fraction=0.3, position='centred')
    >>> DataDescription(free_fraction=30)
    Traceback (most recent call last):
        ...
    gqn_rl.errors.UserError: free_fraction is 30, expected within [0, 1]

    Attributes:
        num_cubes, shapes, free_fraction, position: see `SceneDistribution`.
        num_views: views per scene.
        scenes_per_shard: scenes in every shard but the last, which may hold fewer.
        seed: of everything random.
    """

    num_cubes: int = 7
    shapes: str = "train"
    free_fraction: float = 0.3
    num_views: int = 10
    scenes_per_shard: int = 256
    seed: int = 0
    position: str = POSITIONS[0]

    source: ClassVar[str] = "synthetic"
    camera: ClassVar[str] = CAMERA_CONVENTION
    has_gaps: ClassVar[bool] = False
    """Whether shards may be missing between others."""

    def __post_init__(self) -> None:
        for name in ("num_views", "scenes_per_shard"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}, expected at least 1")
        if self.seed < 0:
            raise UserError(f"seed is {self.seed}, expected at least 0")
        _ = self.distribution  # checks what it has

    @property
    def distribution(self) -> SceneDistribution:
        return SceneDistribution(self.num_cubes, self.shapes, self.free_fraction, self.position)


@dataclass(frozen=True)
class DeepMindDescription:
    """Scenes of one of the data sets that DeepMind released, see `gqn_rl.data.deepmind`.

    A shard is one of their files: which are there is the user's choice.

    >>> DeepMindDescription("shepard_metzler_7_parts", "test", num_views=15, num_cubes=7).shapes
    'shepard_metzler_7_parts/test'

    Attributes:
        dataset: its name.
        split: "train" or "test", theirs: it says nothing about our held-out shapes.
        num_views: views per scene.
        num_cubes: cubes per object, None where scenes are not Shepard-Metzler objects.
    """

    dataset: str
    split: str
    num_views: int
    num_cubes: int | None = None

    source: ClassVar[str] = "deepmind"
    camera: ClassVar[str] = DEEPMIND_CAMERA
    has_gaps: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.num_views < 1:
            raise UserError(f"num_views is {self.num_views}, expected at least 1")

    @property
    def shapes(self) -> str:
        """For those who ask which shapes are in the data: not one of our own sets of shapes."""
        return f"{self.dataset}/{self.split}"

    def renderer(self, image_size: int) -> dict[str, Any]:
        """What stands in the place of `RendererIdentity.to_dict`: nothing of ours draws the same.

        Args:
            image_size: height and width in pixels.
        """
        return {
            "name": "deepmind",
            "version": "gqn-dataset",
            "image_size": image_size,
            "look": f"deepmind/{self.dataset}",
        }


Description: TypeAlias = DataDescription | DeepMindDescription

_SOURCES = {cls.source: cls for cls in (DataDescription, DeepMindDescription)}


def describe(description: Description) -> dict[str, Any]:
    """The part of a shard's header that `parse_description` reads."""
    return {"source": description.source, "description": fields_to_store(description)}


def fields_to_store(description: Description) -> dict[str, Any]:
    """The fields of a description, without a position that was the only one there once was."""
    stored = asdict(description)
    if stored.get("position") == POSITIONS[0]:
        del stored["position"]
    return stored


def parse_description(header: dict[str, Any]) -> Description:
    """The description in a header; one that names no source is of the time when all were ours.

    Raises:
        KeyError, TypeError, ValueError: when the header does not hold one.
    """
    return _SOURCES[header.get("source", DataDescription.source)](**header["description"])
