"""The measurements that the documentation quotes, each a command that anybody can run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
"""Where records lie, one JSON file for each measurement."""
ONCE = RESULTS / "once"
"""Where it is told what was measured once and is not measured again, as far as the history of the
repository tells: single trainings, and times on a machine that had no other work."""


@dataclass(frozen=True)
class Measurement:
    """A command that leaves `metrics.json` in its output folder.

    Attributes:
        module: that is run, of `experiments`.
        flags: all but `--output`.
        minutes: that it takes about, of one core of an AMD EPYC (Zen 5).
    """

    module: str
    flags: str
    minutes: int

    @property
    def arguments(self) -> list[str]:
        """What follows the interpreter on the command line."""
        return ["-m", f"experiments.{self.module}", *self.flags.split()]

    @property
    def command(self) -> str:
        """As a reader would type it."""
        return " ".join(["python", *self.arguments])


TEST_SHAPES = "--shapes test --episodes 2000"
ROTATION = f"{TEST_SHAPES} --labelled-episodes 1000"
IDEAL = "--scenes 500 --ideal-scenes 500 --views 1 2 3 --curve-samples 1 --samples 1"
OTHERS = (
    "--weights base --scenes 200 --views 1 2 3 --curve-samples 2 --samples 2 --probe-scenes 0 "
    "--turning-pairs 0"
)
CARD = "--scenes 1000 --views 1 2 3 5 10 --curve-samples 4 --samples 4 --probe-scenes 0"

MEASUREMENTS = {
    "recognition": Measurement("evaluate_agent", "--env-id GQNShepard-v0", 9),
    "recognition_continuous": Measurement(
        "evaluate_agent", "--env-id GQNShepardContinuous-v0 --episodes 2000", 12
    ),
    "rotation": Measurement(
        "evaluate_agent", f"--env-id GQNShepardMentalRotation-v0 {ROTATION}", 9
    ),
    "rotation_continuous": Measurement(
        "evaluate_agent", f"--env-id GQNShepardMentalRotationContinuous-v0 {ROTATION}", 9
    ),
    "view_prediction": Measurement(
        "evaluate_agent", f"--env-id GQNShepardViewPrediction-v0 {TEST_SHAPES}", 12
    ),
    "view_prediction_continuous": Measurement(
        "evaluate_agent", f"--env-id GQNShepardViewPredictionContinuous-v0 {TEST_SHAPES}", 10
    ),
    "small": Measurement("evaluate_gqn", "--weights small --random-networks 5", 8),
    "ideal": Measurement(
        "evaluate_gqn",
        f"--weights small {IDEAL} --probe-scenes 0 --turning-pairs 0 --variance-views 1 "
        "--random-networks 0",
        5,
    ),
    "small_card": Measurement("evaluate_gqn", f"--weights small {CARD} --ideal-scenes 0", 16),
    "ten_cubes": Measurement("evaluate_gqn", f"{OTHERS} --num-cubes 10 --ideal-scenes 0", 5),
    "positions": Measurement("evaluate_gqn", f"{OTHERS} --position random --ideal-scenes 50", 8),
    "difficulty": Measurement("measure_difficulty", "--episodes 50", 2),
    "base_card": Measurement(
        "evaluate_gqn", f"--weights base {CARD} --ideal-scenes 1000 --turning-pairs 0", 50
    ),
}
"""By the name of the record; `python -m experiments.results` runs them."""
