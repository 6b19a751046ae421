"""Probes of a GQN's representation beside probes of what an untrained network and pixels give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from experiments.shared import seeds
from experiments.shared.untrained import UNTRAINED, median_network, untrained_models
from gqn_rl.data.synthetic import SceneDistribution
from gqn_rl.errors import UserError
from gqn_rl.evaluation.metrics import representations
from gqn_rl.evaluation.representation_variance import variance_by_views
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.probes import Labelled, probe
from gqn_rl.probes.features import Features, FeatureTable, fill_tables, pixel_features
from gqn_rl.probes.scenes import ProbeScenes, ProbeTrials
from gqn_rl.probes.tasks import PROBES
from gqn_rl.rendering import Renderer

VARIANCE_SCENES, VARIANCE_SETS = 48, 3
FEWEST_TRIALS = 2
MEASURES = {
    "accuracy": ("accuracy", 3),
    "degrees": ("mean error in degrees", 1),
    "r2": ("R^2", 3),
    "ratio": ("variance across scenes over variance within", 2),
}
"""Measure of a result to what it is called and its decimals."""

Progress = Callable[[int], object]


@dataclass(frozen=True)
class ProbePlan:
    """What is probed.

    Attributes:
        names: keys of `PROBES`.
        scenes: of which the orientation is replaced by each of `orientations`.
        orientations: "grid", "free" or both.
        views: numbers of views.
        train_scenes, test_scenes: labelled scenes.
    """

    names: tuple[str, ...]
    scenes: ProbeScenes
    orientations: tuple[str, ...]
    views: tuple[int, ...]
    train_scenes: int
    test_scenes: int


def encoders_to_compare(
    model: GenerativeQueryNetwork, precision: str, seed: int, random_networks: int
) -> dict[str, Features]:
    """The model, several of the same architecture with random weights, and raw pixels."""
    controls = untrained_models(model, seed, random_networks)
    return {
        "gqn": partial(representations, model, precision=precision),
        **{
            f"{UNTRAINED} {number}": partial(representations, twin, precision=precision)
            for number, twin in enumerate(controls, start=1)
        },
        "pixels": pixel_features,
    }


def networks_as_one(
    by_encoder: Mapping[str, Mapping[str, dict[str, Any]]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Results by encoder and something else, those of all random networks as one encoder.

    Returns:
        what came in, but under `UNTRAINED` the results of the median network, each with the scores
        of all as its `networks`.
    """
    controls = [found for name, found in by_encoder.items() if name.startswith(UNTRAINED)]
    named: dict[str, dict[str, dict[str, Any]]] = {}
    for name, found in by_encoder.items():
        if not name.startswith(UNTRAINED):
            named[name] = dict(found)
            continue
        named[UNTRAINED] = {}
        for key in found:
            middle, scores = median_network([each[key] for each in controls], score_of)
            named[UNTRAINED][key] = {**middle, "networks": scores}
    return named


def score_of(result: Mapping[str, Any]) -> float:
    """The one number of a result by which it is compared."""
    return float(next(result[name] for name in MEASURES if name in result))


class ProbeStudy:
    """Probes of several encoders, all on the same scenes and views."""

    def __init__(
        self,
        plan: ProbePlan,
        encoders: Mapping[str, Features],
        renderer: Renderer,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self.plan, self.encoders, self.renderer = plan, encoders, renderer
        self.seed, self.device = seed, device

    def measure(self) -> dict[str, Any]:
        """By probe, orientation, number of views, encoder and kind: `ProbeResult.to_dict`.

        Memory: float16 features of all scenes by all encoders, F * 2 bytes a scene each. 25,000
        scenes of 5 views take 0.2 GB for a network of F = 4,352 and 0.8 GB for pixels; with two
        such networks the process peaks at 1.9 GB.
        """
        names = self.plan.names
        found: dict[str, Any] = {
            name: {
                "question": PROBES[name].question,
                "reference": PROBES[name].reference,
                "orientations": {o: {} for o in self.plan.orientations},
            }
            for name in names
        }
        samples = dict.fromkeys(PROBES[name].sample for name in names)
        for orientation, count, sample in product(self.plan.orientations, self.plan.views, samples):
            together = [name for name in names if PROBES[name].sample == sample]
            scenes = replace(self.plan.scenes, orientation=orientation)
            for name, by_encoder in self._together(together, scenes, count).items():
                results = networks_as_one(by_encoder)
                found[name]["orientations"][orientation][str(count)] = results
        return found

    def _together(
        self, names: Sequence[str], scenes: ProbeScenes, num_views: int
    ) -> dict[str, dict[str, Any]]:
        """Results by probe and encoder of probes that share their scenes."""
        where = f"{', '.join(names)}; {scenes.orientation}, {num_views} views"
        trials = self._trials(names[0], scenes, num_views)
        total = sum(len(found.scenes) for found in trials.values())
        with progress(f"scenes for {where}", total) as advance:
            tables = self._tables(trials, scenes, num_views, advance)
        results: dict[str, dict[str, Any]] = {name: {} for name in names}
        fits = len(tables) * sum(len(PROBES[name].kinds) for name in names)
        with progress(f"probes for {where}", fits) as advance:
            for encoder in self.encoders:
                features = tables.pop(encoder)  # forgotten when done with
                for name in names:
                    results[name][encoder] = self._fit(name, scenes, trials, features, advance)
        return results

    def _trials(self, name: str, scenes: ProbeScenes, num_views: int) -> dict[str, ProbeTrials]:
        """For training and for the test."""
        sizes = {"train": self.plan.train_scenes, "test": self.plan.test_scenes}
        sample = PROBES[name].sample
        return {
            part: sample(scenes, self._rng(seeds.SCENE_STREAMS[part], scenes, num_views), n, part)
            for part, n in sizes.items()
        }

    def _tables(
        self,
        trials: Mapping[str, ProbeTrials],
        scenes: ProbeScenes,
        num_views: int,
        advance: Progress,
    ) -> dict[str, dict[str, FeatureTable]]:
        """Features by encoder, for training and for the test."""
        tables: dict[str, dict[str, FeatureTable]] = {name: {} for name in self.encoders}
        for part, found in trials.items():
            for name, by_part in tables.items():
                origin = by_part["train"].origin if by_part else None
                by_part[part] = FeatureTable(name, len(found.scenes), origin)
            fill_tables(
                {name: by_part[part] for name, by_part in tables.items()},
                self.encoders,
                self.renderer,
                found.scenes,
                num_views,
                self._rng(seeds.VIEW_STREAMS[part], scenes, num_views),
                advance,
            )
        return tables

    def _rng(self, stream: int, scenes: ProbeScenes, num_views: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, scenes.orientation == "free", num_views])

    def _fit(
        self,
        name: str,
        scenes: ProbeScenes,
        trials: Mapping[str, ProbeTrials],
        features: Mapping[str, FeatureTable],
        advance: Progress,
    ) -> dict[str, Any]:
        """`ProbeResult.to_dict` by kind of probe."""
        task = PROBES[name]
        asked = {part: found.where(task.usable(found)) for part, found in trials.items()}
        data = {
            part: self._labelled(name, scenes, found, features[part])
            for part, found in asked.items()
        }
        numbers = {}
        for kind, recipe in task.kinds.items():
            result = probe(recipe, task.target(scenes), data["train"], data["test"], seed=self.seed)
            numbers[kind] = result.to_dict()
            parts = task.breakdown(asked["test"])
            if parts and result.epochs:  # one answer to everything is not worth breaking down
                labels = data["test"].labels.cpu().numpy()
                numbers[kind]["breakdown"] = {
                    key: task.target(scenes).score(result.outputs[rows], labels[rows]).to_dict()
                    for key, rows in parts.items()
                    if rows.sum() >= FEWEST_TRIALS
                }
            advance(1)
        return numbers

    def _labelled(
        self, name: str, scenes: ProbeScenes, trials: ProbeTrials, table: FeatureTable
    ) -> Labelled:
        if len(trials) < FEWEST_TRIALS:
            raise UserError(
                f"the {name} probe has {len(trials)} trials, expected at least {FEWEST_TRIALS}: "
                "more probe scenes, or other shapes"
            )
        labels = PROBES[name].labels(scenes, trials)
        return Labelled.from_numpy(
            table.values, labels, self.device, rows=trials.rows, groups=trials.groups
        )


def variance_of_encoders(
    encoders: Mapping[str, Features],
    renderer: Renderer,
    distribution: SceneDistribution,
    counts: Sequence[int],
    *,
    seed: int,
) -> dict[str, Any]:
    """Variance components by number of views, of every encoder but the pixels."""
    networks = {name: encode for name, encode in encoders.items() if encode is not pixel_features}
    kind = "free" if distribution.free_fraction else "grid"
    total = len(networks) * len(counts) * VARIANCE_SCENES * VARIANCE_SETS
    numbers = {}
    with progress(f"variance of r, {kind}", total) as advance:
        for name, encode in networks.items():
            found = variance_by_views(
                encode,
                renderer,
                distribution,
                counts,
                num_scenes=VARIANCE_SCENES,
                num_sets=VARIANCE_SETS,
                rng=np.random.default_rng([seed, seeds.VARIANCE_STREAM, kind == "free"]),
                on_scenes=advance,
            )
            numbers[name] = {str(count): part.to_dict() for count, part in found.items()}
    return networks_as_one(numbers)


@contextmanager
def progress(what: str, total: int) -> Iterator[Progress]:
    """A progress bar; call what it yields with the number of things done."""
    with tqdm(total=total, desc=what, dynamic_ncols=True, disable=None) as bar:
        yield bar.update
