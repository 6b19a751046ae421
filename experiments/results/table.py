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
        needs: a file that is not ours to ship, without which it is left out; None for none.
    """

    module: str
    flags: str
    minutes: int
    needs: str | None = None

    @property
    def lacks(self) -> str | None:
        """The file that it needs, where that is not there."""
        return self.needs if self.needs and not Path(self.needs).is_file() else None

    @property
    def arguments(self) -> list[str]:
        """What follows the interpreter on the command line."""
        return ["-m", f"experiments.{self.module}", *self.flags.split()]

    @property
    def command(self) -> str:
        """As a reader would type it."""
        return " ".join(["python", *self.arguments])


@dataclass(frozen=True)
class Training:
    """Trainings of an id by `train_agent` that differ in their seed.

    Attributes:
        env_id: of the environment.
        flags: all but `--env-id`, `--seed` and `--output`.
        minutes: that each takes about, of one core.
        seeds: that are worth a record.
        note: what the table adds to the id.
    """

    env_id: str
    flags: str
    minutes: int
    seeds: tuple[int, ...] = (0, 1, 2)
    note: str = ""

    def measurement(self, seed: int | str) -> Measurement:
        """The command that trains, then measures on fresh episodes."""
        flags = f"--env-id {self.env_id} --seed {seed} {self.flags}"
        return Measurement("train_agent", flags, self.minutes)


def training_name(name: str, seed: int) -> str:
    """The name of a training's record."""
    return f"training_{name}_{seed}"


def stock_name(name: str) -> str:
    """The name of a stock agent's record."""
    return f"stock_{name}"


QUICK = "--episodes 2000"
FULL = f"--full {QUICK}"
LOOK_AROUND = "--labelled-episodes 1000 --random-networks 0"
ROTATION = f"--shapes test {QUICK} --labelled-episodes 1000"
IDEAL = "--scenes 500 --ideal-scenes 500 --views 1 2 3 --curve-samples 1 --samples 1"
OTHERS = (
    "--weights base --scenes 200 --views 1 2 3 --curve-samples 2 --samples 2 --probe-scenes 0 "
    "--turning-pairs 0"
)
CARD = "--scenes 1000 --views 1 2 3 5 10 --curve-samples 4 --samples 4 --probe-scenes 0"

PUBLISHED_SHAPES = "data/deep-mental-rotation/test.txt"
"""Those of Khazoum et al. (2025), see docs/cognitive.md; data/ is not part of the repository."""
PAIRS_OF_TEN = "--num-cubes 10 --pairs 512 --agent-episodes 0"

FRESH = "--eval-episodes 2000"
NEW_SHAPES = f"{FRESH} --eval-shapes test"
ALONE = "--supervision none"
FIVE = (0, 1, 2, 3, 4)

TRAININGS = {
    "recognition": Training("GQNShepard-v0", FRESH, 6),
    "recognition_reward": Training(
        "GQNShepard-v0", f"{ALONE} --total-timesteps 12288 --eval-every 2048 {FRESH}", 10, FIVE
    ),
    "recognition_confusable": Training(
        "GQNShepard-v0", f"--gallery confusable {FRESH}", 6, note=", confusable shapes"
    ),
    "recognition_continuous": Training("GQNShepardContinuous-v0", FRESH, 60),
    "keyhole": Training("GQNShepardKeyhole-v0", FRESH, 8),
    "rotation": Training("GQNShepardMentalRotation-v0", NEW_SHAPES, 20),
    "rotation_reward": Training("GQNShepardMentalRotation-v0", f"{ALONE} {NEW_SHAPES}", 20),
    "rotation_continuous": Training("GQNShepardMentalRotationContinuous-v0", NEW_SHAPES, 40),
    "view_prediction": Training("GQNShepardViewPrediction-v0", NEW_SHAPES, 40),
    "view_prediction_continuous": Training("GQNShepardViewPredictionContinuous-v0", NEW_SHAPES, 45),
}
"""By the name of the table's row; what has no record yet is not in the table."""

STOCK = {
    "ppo_state": Measurement("train_stock_agent", "--observation state", 1),
    "ppo_pixels": Measurement("train_stock_agent", "--observation pixels", 10),
    "recurrent_ppo_pixels": Measurement(
        "train_stock_agent", "--algo recurrent_ppo --observation pixels", 20
    ),
    "ppo_gqn": Measurement("train_stock_agent", "--encoder gqn", 7),
    "ppo_refined": Measurement(
        "train_stock_agent", "--encoder refined --total-timesteps 32768", 15
    ),
    "dqn_refined": Measurement(
        "train_stock_agent", "--algo dqn --encoder refined --total-timesteps 32768", 20
    ),
}
"""Agents of Stable-Baselines3 and sb3-contrib as they come, by reward alone, in recognition."""

MEASUREMENTS = {
    "recognition": Measurement("evaluate_agent", f"--env-id GQNShepard-v0 {FULL} {LOOK_AROUND}", 9),
    "rotation": Measurement(
        "evaluate_agent", f"--env-id GQNShepardMentalRotation-v0 {ROTATION}", 9
    ),
    "view_prediction": Measurement(
        "evaluate_agent",
        "--env-id GQNShepardViewPrediction-v0 --shapes test --full --episodes 500",
        12,
    ),
    "view_prediction_continuous": Measurement(
        "evaluate_agent",
        "--env-id GQNShepardViewPredictionContinuous-v0 --shapes test --full --episodes 500",
        12,
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
    "aiming": Measurement(
        "measure_difficulty",
        "--rungs view_2_aimed view_1_aimed view_1_ten_cubes_aimed --episodes 50",
        1,
    ),
    "base_card": Measurement(
        "evaluate_gqn", f"--weights base {CARD} --ideal-scenes 1000 --turning-pairs 0", 50
    ),
    "rotation_benchmark_uniform": Measurement(
        "mental_rotation_benchmark", f"--look uniform {PAIRS_OF_TEN}", 5
    ),
    "rotation_benchmark_picture": Measurement(
        "mental_rotation_benchmark",
        f"--rotation picture --no-ideal-observer {PAIRS_OF_TEN}",
        4,
    ),
    "rotation_benchmark_coloured": Measurement(
        "mental_rotation_benchmark", f"--baseline 4096 {PAIRS_OF_TEN}", 12
    ),
    "rotation_benchmark_uniform_picture": Measurement(
        "mental_rotation_benchmark", f"--rotation picture --look uniform {PAIRS_OF_TEN}", 6
    ),
    "rotation_benchmark_published_uniform": Measurement(
        "mental_rotation_benchmark",
        f"--stimuli {PUBLISHED_SHAPES} --look uniform --pairs 512",
        5,
        needs=PUBLISHED_SHAPES,
    ),
    "start": Measurement("benchmark", "start", 3),
    "rotation_benchmark_published": Measurement(
        "mental_rotation_benchmark",
        f"--stimuli {PUBLISHED_SHAPES} --pairs 512",
        5,
        needs=PUBLISHED_SHAPES,
    ),
    "tutorial": Measurement(
        "train_agent",
        "--gallery-size 4 --total-timesteps 2048 --eval-every 1024 --eval-every-episodes 128 "
        "--eval-episodes 200",
        2,
    ),
    **{
        training_name(name, seed): training.measurement(seed)
        for name, training in TRAININGS.items()
        for seed in training.seeds
    },
    **{stock_name(name): measurement for name, measurement in STOCK.items()},
}
"""By the name of the record; `python -m experiments.results` runs those that have one."""


def recorded_names() -> tuple[str, ...]:
    """Measurements that have a record: those that the documents quote."""
    return tuple(name for name in MEASUREMENTS if (RESULTS / f"{name}.json").is_file())
